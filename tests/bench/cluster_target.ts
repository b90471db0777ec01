/**
 * A cluster of three processes to be measured, ours or etcd's, behind one face, so that one client
 * does the same to both. Requests and answers are bytes; the client decodes nothing of either.
 */
import { clusterService } from "../../lib/handlers/cluster_handler.ts";
import { type Method, rawCodec, rawMethod } from "../../proto/service.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import { EtcdCluster } from "../fixtures/etcd_cluster.ts";
import { KvCluster } from "../fixtures/kv_cluster.ts";
import { encodeKvCommand } from "../fixtures/kv_machine.ts";
import { kvService } from "../fixtures/kv_service.ts";

/** One call. */
export interface Request {
  readonly method: Method<Uint8Array, Uint8Array, "unary">;
  readonly bytes: Uint8Array;
}

/** The processes of a cluster. */
export interface Nodes extends AsyncDisposable {
  readonly ids: readonly number[];
  readonly running: readonly number[];
  url(id: number): string;
  pid(id: number): number;
  /** Who leads, once all that run agree on it. */
  leader(): Promise<number>;
  boot(id: number): Promise<void>;
  kill(id: number): Promise<void>;
  stop(id: number): Promise<void>;
  /** Flushes to the disk and entries in them, since the node's start. */
  written(id: number): Promise<{ commits: number; entries: number }>;
}

/** A running cluster, and how it is called. */
export interface ClusterTarget {
  readonly name: string;
  readonly nodes: Nodes;
  /** A write that the leader takes. */
  readonly put: (key: string, value: string) => Request;
  /** A write that any node takes. */
  readonly putAnywhere: (key: string, value: string) => Request;
  /** A linearizable read on any node. */
  readonly get: (key: string) => Request;
}

/** How the elections of either are timed, and where its disks are. */
export interface TargetOptions {
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly place: string;
}

const encoder = new TextEncoder();
/** Fields 1 and 2, as bytes. */
const first = 1 << 3 | 2;
const second = 2 << 3 | 2;

/** Three of our nodes. */
export async function startOurs(
  { heartbeatMs, electionMs, place }: TargetOptions,
): Promise<ClusterTarget> {
  const nodes = await KvCluster.start({
    consensus: {
      heartbeatIntervalMs: heartbeatMs,
      electionTimeoutMs: electionMs,
    },
    place,
  });
  const propose = rawMethod(clusterService.methods.propose);
  const write = rawMethod(kvService.methods.write);
  const { get } = kvService.methods;
  return {
    name: "ours",
    nodes,
    put: (key, value) => ({ method: propose, bytes: proposal(key, value) }),
    putAnywhere: (key, value) => ({
      method: write,
      bytes: proposal(key, value),
    }),
    get: (key) => ({ method: get, bytes: encoder.encode(key) }),
  };
}

/** Three members of etcd. */
export async function startEtcd(
  options: TargetOptions,
): Promise<ClusterTarget> {
  const nodes = await EtcdCluster.start(options);
  const put = (key: string, value: string): Request => ({
    method: etcdMethod("Put"),
    bytes: new WireWriter().uint32(first).string(key).uint32(second)
      .string(value).finish(),
  });
  return {
    name: "etcd",
    nodes,
    put,
    putAnywhere: put,
    get: (key) => ({
      method: etcdMethod("Range"),
      bytes: new WireWriter().uint32(first).string(key).finish(),
    }),
  };
}

function proposal(key: string, value: string): Uint8Array {
  return new WireWriter()
    .uint32(first).bytes(crypto.getRandomValues(new Uint8Array(16)))
    .uint32(second).bytes(encodeKvCommand({ op: "put", key, value }))
    .finish();
}

function etcdMethod(name: string): Request["method"] {
  return {
    path: `/etcdserverpb.KV/${name}`,
    kind: "unary",
    request: rawCodec,
    response: rawCodec,
  };
}
