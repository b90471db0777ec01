/**
 * What an operator may set of a router, in one table: from it come the flags, the variables, the keys
 * of the file, and the help.
 */
import {
  httpOrOff,
  listenForm,
  routerForm,
  type TextForm,
} from "../address_forms.ts";
import { invalidArgument } from "../errors.ts";
import {
  bufferBytesMax,
  bufferRecordsMax,
  drainTimeoutMs,
  electionTimeoutMs,
  heartbeatIntervalMs,
  messageBytesMax,
  routerMessageBytesMin,
  sourceBytesMax,
  sourceRecordsMax,
  timeoutMsMax,
} from "../limits.ts";
import type { RouterServerOptions } from "../router/router_options.ts";
import type { Configuration } from "./configuration.ts";
import { given } from "./given.ts";
import { logSettings } from "./log_settings.ts";
import { joinNeeds, type Needs, needsOfAddress } from "../permissions.ts";
import { tlsOf, tlsSettings } from "./tls_settings.ts";
import type { Setting, SettingRule } from "./setting.ts";

const text: SettingRule = { kind: "text" };
const members: TextForm = {
  rule: 'must be "id=host:port", an id from 1 up,',
  fits: (part) => {
    const form = member.exec(part);
    return form !== null && Number.isSafeInteger(Number(form[1])) &&
      routerForm.fits(form[2]!);
  },
};
const member = /^([1-9]\d*)=(.+)$/;
function integer(
  min: number,
  max: number,
  unit?: "bytes" | "ms" | "records",
): SettingRule {
  return { kind: "integer", min, max, ...unit ? { unit } : {} };
}

function count(max: number, unit: "bytes" | "records"): SettingRule {
  return integer(1, max, unit);
}

/** Every setting of server.ts. */
export const serverSettings: readonly Setting[] = [
  {
    key: "cluster.node_id",
    flag: "node-id",
    option: "nodeId",
    rule: integer(1, Number.MAX_SAFE_INTEGER),
    fallback: 1,
    help: "number of this node in its cluster, never used again once removed",
  },
  {
    key: "grpc.listen_addr",
    flag: "listen-addr",
    short: "l",
    option: "grpcAddr",
    rule: { kind: "text", form: listenForm },
    fallback: "0.0.0.0:50051",
    help: "where sources, services and operators connect",
  },
  {
    key: "cluster.raft_addr",
    flag: "raft-addr",
    option: "raftAddr",
    rule: { kind: "text", form: listenForm },
    fallback: "0.0.0.0:50052",
    help: "where the other nodes connect",
  },
  {
    key: "metrics.http_addr",
    flag: "http-addr",
    option: "httpAddr",
    rule: { kind: "text", form: httpOrOff },
    fallback: "0.0.0.0:9464",
    help: "where metrics and health are served by HTTP, or off",
  },
  {
    key: "cluster.peers",
    flag: "peers",
    option: "peers",
    rule: { kind: "list", form: members },
    help: "first members as id=host:port, this node among them",
  },
  {
    key: "cluster.join",
    flag: "join",
    option: "join",
    rule: { kind: "list", form: routerForm },
    help: "routers of a cluster that is to take this node in",
  },
  {
    key: "cluster.advertise_addr",
    flag: "advertise-addr",
    option: "advertiseAddr",
    rule: { kind: "text", form: routerForm },
    help: "where the other nodes reach this one (default: its peers entry)",
  },
  {
    key: "cluster.data_dir",
    flag: "data-dir",
    option: "dataDir",
    rule: text,
    fallback: "./data",
    help: "where metadata and dead letters are kept",
  },
  {
    key: "cluster.heartbeat_interval_ms",
    flag: "heartbeat-interval-ms",
    option: "heartbeatIntervalMs",
    rule: integer(5, 60_000, "ms"),
    fallback: heartbeatIntervalMs,
    help: "pause between two heartbeats of the leader",
  },
  {
    key: "cluster.election_timeout_ms",
    flag: "election-timeout-ms",
    option: "electionTimeoutMs",
    rule: integer(10, 600_000, "ms"),
    fallback: electionTimeoutMs,
    help: "time without a leader before a node runs for it",
  },
  {
    key: "buffer.source_records",
    flag: "buffer-source-records",
    option: "sourceRecordsMax",
    rule: count(2 ** 30, "records"),
    fallback: sourceRecordsMax,
    help: "records of one source that the node holds",
  },
  {
    key: "buffer.total_records",
    flag: "buffer-total-records",
    option: "bufferRecordsMax",
    rule: count(2 ** 30, "records"),
    fallback: bufferRecordsMax,
    help: "records of all sources that the node holds",
  },
  {
    key: "buffer.total_bytes",
    flag: "buffer-total-bytes",
    option: "bufferBytesMax",
    rule: count(Number.MAX_SAFE_INTEGER, "bytes"),
    fallback: bufferBytesMax,
    help: "bytes that they take",
  },
  {
    key: "buffer.source_bytes",
    flag: "buffer-source-bytes",
    option: "sourceBytesMax",
    rule: count(Number.MAX_SAFE_INTEGER, "bytes"),
    fallback: sourceBytesMax,
    help: "bytes of one source that the node holds",
  },
  {
    key: "grpc.max_message_bytes",
    flag: "max-message-bytes",
    option: "messageBytesMax",
    rule: integer(routerMessageBytesMin, 2 ** 31 - 1, "bytes"),
    fallback: messageBytesMax,
    help: "largest message received or sent",
  },
  ...tlsSettings,
  {
    key: "grpc.drain_timeout_ms",
    flag: "drain-timeout-ms",
    option: "settings.drainTimeoutMs",
    rule: integer(1, timeoutMsMax, "ms"),
    fallback: drainTimeoutMs,
    help: "time that records under way get to settle when the router ends",
  },
  ...logSettings,
];

/** The options of a router with these values. `read` gives the text of the file that a setting names. */
export async function toRouterOptions(
  config: Configuration,
  read: (key: string) => Promise<string>,
): Promise<RouterServerOptions> {
  const httpAddr = config.text("metrics.http_addr");
  const { server: tls, dial: dialTls } = await tlsOf(config, read);
  return given({
    nodeId: config.number("cluster.node_id"),
    grpcAddr: config.text("grpc.listen_addr"),
    raftAddr: config.text("cluster.raft_addr"),
    httpAddr: httpAddr === "off" ? "" : httpAddr,
    peers: peersOf(config),
    join: config.list("cluster.join"),
    advertiseAddr: config.text("cluster.advertise_addr"),
    dataDir: config.text("cluster.data_dir"),
    settings: given({
      consensus: given({
        heartbeatIntervalMs: config.number("cluster.heartbeat_interval_ms"),
        electionTimeoutMs: config.number("cluster.election_timeout_ms"),
      }),
      flow: given({
        sourceRecordsMax: config.number("buffer.source_records"),
        sourceBytesMax: config.number("buffer.source_bytes"),
        bufferRecordsMax: config.number("buffer.total_records"),
        bufferBytesMax: config.number("buffer.total_bytes"),
      }),
      grpc: given({
        messageBytesMax: config.number("grpc.max_message_bytes"),
        tls,
      }),
      dialTls,
      drainTimeoutMs: config.number("grpc.drain_timeout_ms"),
    }),
  });
}

/** What a router touches by itself; the services that it calls come on top. */
export function routerNeeds(config: Configuration): Needs {
  const others = [
    ...Object.values(peersOf(config)),
    ...config.list("cluster.join"),
  ];
  const hasPeers = others.length > 0 ||
    config.text("cluster.advertise_addr") !== undefined;
  const addresses = [
    config.textOrDefault("grpc.listen_addr"),
    config.textOrDefault("metrics.http_addr"),
    ...hasPeers ? [config.textOrDefault("cluster.raft_addr")] : [],
    ...others,
  ];
  const directory = [config.textOrDefault("cluster.data_dir")];
  return joinNeeds(
    ...addresses.filter((address) => address !== "off").map(needsOfAddress),
    { read: directory, write: directory },
  );
}

function peersOf(config: Configuration): { [nodeId: number]: string } {
  const peers: { [nodeId: number]: string } = {};
  for (const part of config.list("cluster.peers")) {
    const [, id, address] = member.exec(part)!;
    if (peers[Number(id)] !== undefined) {
      const place = config.placeOf("cluster.peers");
      throw invalidArgument(place, "must name each id once", part);
    }
    peers[Number(id)] = address!;
  }
  return peers;
}
