/**
 * What an operator may set of a router, in one table: from it come the flags, the variables, the keys
 * of the file, and the help.
 */
import { invalidArgument } from "../errors.ts";
import {
  bufferBytesMax,
  bufferRecordsMax,
  drainTimeoutMs,
  electionTimeoutMs,
  heartbeatIntervalMs,
  messageBytesMax,
  sourceBytesMax,
  sourceRecordsMax,
} from "../limits.ts";
import type { RouterServerOptions } from "../router/router_options.ts";
import { logSettings } from "./log_settings.ts";
import type { ConfigValues } from "./resolve_config.ts";
import type { Setting, SettingRule } from "./setting.ts";

const text: SettingRule = { kind: "text" };

function integer(min: number, max = Number.MAX_SAFE_INTEGER): SettingRule {
  return { kind: "integer", min, max };
}

/** Every setting of server.ts. */
export const serverSettings: readonly Setting[] = [
  {
    key: "cluster.node_id",
    flag: "node-id",
    rule: integer(1),
    fallback: 1,
    help: "number of this node in its cluster, never used again once removed",
  },
  {
    key: "grpc.listen_addr",
    flag: "listen-addr",
    short: "l",
    rule: text,
    fallback: "0.0.0.0:50051",
    help: "where sources, services and operators connect",
  },
  {
    key: "cluster.raft_addr",
    flag: "raft-addr",
    rule: text,
    fallback: "0.0.0.0:50052",
    help: "where the other nodes connect",
  },
  {
    key: "metrics.http_addr",
    flag: "http-addr",
    rule: text,
    fallback: "0.0.0.0:9464",
    help: "where metrics and health are served by HTTP, or off",
  },
  {
    key: "cluster.peers",
    flag: "peers",
    rule: { kind: "list" },
    help: "first members as id=host:port, this node among them",
  },
  {
    key: "cluster.join",
    flag: "join",
    rule: { kind: "list" },
    help: "routers of a cluster that is to take this node in",
  },
  {
    key: "cluster.advertise_addr",
    flag: "advertise-addr",
    rule: text,
    help: "where the other nodes reach this one (default: its peers entry)",
  },
  {
    key: "cluster.data_dir",
    flag: "data-dir",
    rule: text,
    fallback: "./data",
    help: "where metadata and dead letters are kept",
  },
  {
    key: "cluster.heartbeat_interval_ms",
    flag: "heartbeat-interval-ms",
    rule: integer(5, 60_000),
    fallback: heartbeatIntervalMs,
    help: "pause between two heartbeats of the leader",
  },
  {
    key: "cluster.election_timeout_ms",
    flag: "election-timeout-ms",
    rule: integer(10, 600_000),
    fallback: electionTimeoutMs,
    help: "time without a leader before a node runs for it",
  },
  {
    key: "buffer.source_records",
    flag: "buffer-source-records",
    rule: integer(1, 10_000_000),
    fallback: sourceRecordsMax,
    help: "records of one source that the node holds",
  },
  {
    key: "buffer.total_records",
    flag: "buffer-total-records",
    rule: integer(1, 100_000_000),
    fallback: bufferRecordsMax,
    help: "records of all sources that the node holds",
  },
  {
    key: "buffer.total_bytes",
    flag: "buffer-total-bytes",
    rule: integer(1),
    fallback: bufferBytesMax,
    help: "bytes that they take",
  },
  {
    key: "buffer.source_bytes",
    flag: "buffer-source-bytes",
    rule: integer(1),
    fallback: sourceBytesMax,
    help: "bytes of one source that the node holds",
  },
  {
    key: "grpc.max_message_bytes",
    flag: "max-message-bytes",
    rule: integer(1, 2 ** 31 - 1),
    fallback: messageBytesMax,
    help: "largest message received or sent",
  },
  {
    key: "grpc.tls_cert",
    flag: "tls-cert",
    rule: text,
    help: "file with the certificate chain (PEM); with it connections are TLS",
  },
  {
    key: "grpc.tls_key",
    flag: "tls-key",
    rule: text,
    help: "file with its private key (PEM)",
  },
  {
    key: "grpc.tls_client_ca",
    flag: "tls-client-ca",
    rule: text,
    help: "file with the authorities that client certificates must be of (PEM)",
  },
  {
    key: "grpc.drain_timeout_ms",
    flag: "drain-timeout-ms",
    rule: integer(1, 2 ** 31 - 1),
    fallback: drainTimeoutMs,
    help: "time that records under way get to settle when the router ends",
  },
  ...logSettings,
];

/** The options of a router with these values. `read` gives the text of a file. */
export async function toRouterOptions(
  values: ConfigValues,
  read: (path: string) => Promise<string>,
): Promise<RouterServerOptions> {
  const number = (key: string): number => values.get(key) as number;
  const string = (key: string): string => values.get(key) as string;
  const httpAddr = string("metrics.http_addr");
  const advertised = values.get("cluster.advertise_addr") as string | undefined;
  return {
    nodeId: number("cluster.node_id"),
    grpcAddr: string("grpc.listen_addr"),
    raftAddr: string("cluster.raft_addr"),
    httpAddr: httpAddr === "off" ? "" : httpAddr,
    peers: peersOf((values.get("cluster.peers") ?? []) as readonly string[]),
    join: (values.get("cluster.join") ?? []) as readonly string[],
    ...advertised === undefined ? {} : { advertiseAddr: advertised },
    dataDir: string("cluster.data_dir"),
    settings: {
      consensus: {
        heartbeatIntervalMs: number("cluster.heartbeat_interval_ms"),
        electionTimeoutMs: number("cluster.election_timeout_ms"),
      },
      flow: {
        sourceRecordsMax: number("buffer.source_records"),
        sourceBytesMax: number("buffer.source_bytes"),
        bufferRecordsMax: number("buffer.total_records"),
        bufferBytesMax: number("buffer.total_bytes"),
      },
      grpc: {
        messageBytesMax: number("grpc.max_message_bytes"),
        ...await tlsOf(values, read),
      },
      drainTimeoutMs: number("grpc.drain_timeout_ms"),
    },
  };
}

function peersOf(parts: readonly string[]): { [nodeId: number]: string } {
  const peers: { [nodeId: number]: string } = {};
  for (const part of parts) {
    const form = /^(\d+)=(.+)$/.exec(part);
    if (!form || Number(form[1]) < 1) {
      throw invalidArgument("--peers", 'must be "id=host:port" each', part);
    }
    const id = Number(form[1]);
    if (peers[id] !== undefined) {
      throw invalidArgument("--peers", "must name each id once", part);
    }
    peers[id] = form[2]!;
  }
  return peers;
}

async function tlsOf(
  values: ConfigValues,
  read: (path: string) => Promise<string>,
): Promise<
  { readonly tls?: { cert: string; key: string; clientCa?: string } }
> {
  const cert = values.get("grpc.tls_cert") as string | undefined;
  const key = values.get("grpc.tls_key") as string | undefined;
  const clientCa = values.get("grpc.tls_client_ca") as string | undefined;
  if (cert === undefined && key === undefined && clientCa === undefined) {
    return {};
  }
  if (cert === undefined || key === undefined) {
    throw invalidArgument(
      cert === undefined ? "--tls-cert" : "--tls-key",
      "must be given when TLS is used",
      undefined,
    );
  }
  return {
    tls: {
      cert: await read(cert),
      key: await read(key),
      ...(clientCa === undefined ? {} : { clientCa: await read(clientCa) }),
    },
  };
}
