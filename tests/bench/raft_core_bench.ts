/**
 * How many entries a second the core commits on three nodes in memory, when 256 clients each have
 * one proposal of 256 bytes under way. One core runs all three nodes, so this is the price of the
 * rules alone: no disk, no network, no encoding. On a machine that others use too, the figure for a
 * second of CPU time is the one to compare. Run: deno run tests/bench/raft_core_bench.ts
 */
import process from "node:process";
import { seededRandom } from "../../lib/random.ts";
import { MemoryStorage } from "../../lib/raft/memory_storage.ts";
import { noMembers } from "../../lib/raft/membership.ts";
import { waitsForPersist } from "../../lib/raft/message.ts";
import { RaftNode } from "../../lib/raft/node.ts";
import type { Message } from "../../lib/raft/types.ts";

const ids = [1, 2, 3];
const clients = 256;
const payload = new Uint8Array(256).fill(7);
const compactEvery = 10_000;
const noBytes = new Uint8Array(0);

interface Peer {
  readonly node: RaftNode;
  readonly storage: MemoryStorage;
}

function startGroup(): Map<number, Peer> {
  const confState = { ...noMembers, voters: ids };
  return new Map(ids.map((id) => {
    const storage = new MemoryStorage({
      index: 1,
      term: 1,
      confState,
      data: noBytes,
    });
    const node = new RaftNode({
      id,
      electionTicks: 10,
      heartbeatTicks: 1,
      maxBytesPerMessage: 256 * 1024,
      maxInflightMessages: 256,
      maxInflightBytes: 16 * 1024 * 1024,
      maxCommittedBytesPerReady: 4 * 1024 * 1024,
      maxUncommittedBytes: 64 * 1024 * 1024,
      maxPendingReads: 1024,
      preVote: true,
      checkQuorum: true,
      stepDownOnRemoval: true,
      asyncStorageWrites: true,
      random: seededRandom(id),
      storage,
    });
    return [id, { node, storage }];
  }));
}

/** Does the work of one node; the number of proposals that it applied. */
function work(peer: Peer, peers: Map<number, Peer>): number {
  const { node, storage } = peer;
  let applied = 0;
  while (node.hasReady()) {
    const ready = node.ready();
    const held: Message[] = [];
    for (const message of ready.messages) {
      if (waitsForPersist(message)) held.push(message);
      else peers.get(message.to)!.node.step(message);
    }
    if (ready.hardState) storage.setHardState(ready.hardState);
    storage.append(ready.entries);
    node.durable(ready.job);
    for (const message of held) peers.get(message.to)!.node.step(message);
    const last = ready.committedEntries.at(-1);
    if (last === undefined) continue;
    for (const { data } of ready.committedEntries) {
      if (data.length > 0) applied++;
    }
    node.applied(last.index);
    compact(storage, last.index);
  }
  return applied;
}

function compact(storage: MemoryStorage, applied: number): void {
  if (applied - storage.firstIndex() < 2 * compactEvery) return;
  const index = applied - compactEvery;
  storage.createSnapshot(index, { ...noMembers, voters: ids }, noBytes);
  storage.compact(index);
}

/** Entries that the leader has applied. */
export interface CoreRate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/** Keeps `clients` proposals under way for `ms`. */
export function coreRate(ms: number, batched: boolean): CoreRate {
  const peers = startGroup();
  const leader = peers.get(1)!;
  leader.node.campaign();
  const settle = (): number => {
    const applied = work(leader, peers);
    work(peers.get(2)!, peers);
    work(peers.get(3)!, peers);
    return applied;
  };
  while (leader.node.status().commit < 2) settle();
  const all = Array.from({ length: clients }, () => payload);
  const one = [payload];
  let free = clients;
  let done = 0;
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  let elapsed = 0;
  while (elapsed < ms) {
    if (batched && free > 0) leader.node.propose(all.slice(0, free));
    else for (let at = 0; at < free; at++) leader.node.propose(one);
    free = settle();
    done += free;
    elapsed = performance.now() - start;
  }
  const { user, system } = process.cpuUsage(cpuStart);
  return {
    perSecond: done / (elapsed / 1e3),
    perCpuSecond: done / ((user + system) / 1e6),
  };
}

if (import.meta.main) {
  for (const batched of [true, false]) {
    coreRate(500, batched);
    const rates = [1, 2, 3].map(() => coreRate(1500, batched));
    const middle = (of: (rate: CoreRate) => number) =>
      Math.round(rates.map(of).sort((one, other) => one - other)[1]!);
    const how = batched ? "one call a round" : "one call each";
    // deno-lint-ignore no-console
    console.log(
      `${clients} proposals of ${payload.length} B, ${how}: ` +
        `${middle(({ perSecond }) => perSecond)} entries/s, ` +
        `${middle(({ perCpuSecond }) => perCpuSecond)} a second of CPU time; ` +
        "first bar 100000, goal 300000",
    );
  }
}
