/** What the arguments of a command stand for: new nodes, and changes of the membership. */
import { seededRandom } from "../../lib/random.ts";
import { emptySnapshot } from "../../lib/raft/memory_storage.ts";
import type {
  ConfChange,
  ConfChangeSingle,
  Config,
  Snapshot,
} from "../../lib/raft/types.ts";
import { bytes } from "../fixtures/raft_network.ts";
import type { Argument } from "./transcript.ts";

/** A node's configuration but for its storage, which starts from a snapshot. */
export type NodeSettings = Omit<Config, "storage">;

const nodeOptions: readonly string[] = [
  "voters",
  "learners",
  "inflight",
  "index",
  "content",
  "async-storage-writes",
  "prevote",
  "checkquorum",
  "max-committed-size-per-ready",
  "step-down-on-removal",
];
const changeTypes = {
  v: "addNode",
  l: "addLearner",
  r: "removeNode",
  u: "updateNode",
} as const;
const transitions = {
  auto: "auto",
  implicit: "jointImplicit",
  explicit: "jointExplicit",
} as const;

/** The value of an argument that must be there. */
export function valueOf(args: readonly Argument[], key: string): string {
  const value = args.find((one) => one.key === key)?.values[0];
  if (value === undefined) throw new Error(`${key}= is missing`);
  return value;
}

/** The snapshot that new nodes start from. */
export function startSnapshot(options: readonly Argument[]): Snapshot {
  const find = (key: string) => options.find((one) => one.key === key)?.values;
  const index = Number(find("index")?.[0] ?? 0);
  if (index === 0) return emptySnapshot;
  return {
    index,
    term: 1,
    confState: {
      ...emptySnapshot.confState,
      voters: (find("voters") ?? []).map(Number),
      learners: (find("learners") ?? []).map(Number),
    },
    data: bytes(find("content")?.[0] ?? ""),
  };
}

/** Settings of a new node: no bounds, unless the options set them. */
export function nodeSettings(
  id: number,
  options: readonly Argument[],
): NodeSettings {
  const unknown = options.find(({ key }) => !nodeOptions.includes(key));
  if (unknown) throw new Error(`add-nodes has no ${unknown.key}`);
  const given = (key: string) =>
    options.find((one) => one.key === key)?.values[0];
  const bound = (key: string) => Number(given(key) ?? Infinity);
  const yes = (key: string) => given(key) === "true";
  return {
    id,
    electionTicks: 3,
    heartbeatTicks: 1,
    maxBytesPerMessage: Infinity,
    maxInflightMessages: bound("inflight"),
    maxInflightBytes: Infinity,
    maxCommittedBytesPerReady: bound("max-committed-size-per-ready"),
    maxUncommittedBytes: Infinity,
    maxPendingReads: Infinity,
    preVote: yes("prevote"),
    checkQuorum: yes("checkquorum"),
    stepDownOnRemoval: yes("step-down-on-removal"),
    asyncStorageWrites: yes("async-storage-writes"),
    random: seededRandom(id),
  };
}

/** A membership change: words like `v1 l2 r3`, with `v1=true` or `transition=explicit`. */
export function confChange(
  options: readonly Argument[],
  words: readonly Argument[],
): ConfChange {
  const changes = words.map(({ key }): ConfChangeSingle => ({
    type: changeTypes[key[0] as keyof typeof changeTypes],
    nodeId: Number(key.slice(1)),
  }));
  const given = (key: string) =>
    options.find((one) => one.key === key)?.values[0];
  const context = new Uint8Array(0);
  if (given("v1") === "true") {
    return { version: 1, change: changes[0]!, context };
  }
  const transition = given("transition") ?? "auto";
  return {
    version: 2,
    transition: transitions[transition as keyof typeof transitions],
    changes,
    context,
  };
}
