import { assertEquals } from "@std/assert";
import { PersistQueue } from "../../../lib/consensus/persist_queue.ts";
import { draft } from "../../../lib/raft/message.ts";
import type { Entry, Ready } from "../../../lib/raft/types.ts";

function entry(index: number, term: number): Entry {
  return { index, term, type: "normal", data: new Uint8Array(0) };
}

function ready(job: number, parts: Partial<Ready>): Ready {
  return {
    job,
    softState: undefined,
    hardState: undefined,
    entries: [],
    snapshot: undefined,
    committedEntries: [],
    messages: [],
    readStates: [],
    mustSync: (parts.entries?.length ?? 0) > 0,
    onDurable: { answers: [], last: undefined },
    ...parts,
  };
}

Deno.test("PersistQueue.take() merges all that waits into one write", () => {
  const queue = new PersistQueue();
  queue.push(ready(1, {
    entries: [entry(5, 1), entry(6, 1)],
    hardState: { term: 1, vote: 0, commit: 4 },
    messages: [draft("MsgApp", 1, 2, 1), draft("MsgAppResp", 1, 3, 1)],
  }));
  queue.push(ready(2, {
    entries: [entry(7, 1)],
    hardState: { term: 1, vote: 0, commit: 5 },
    messages: [draft("MsgVote", 1, 2, 1)],
  }));
  const write = queue.take()!;
  assertEquals(write.job, 2);
  assertEquals(write.needed, true);
  assertEquals(write.hardState, { term: 1, vote: 0, commit: 5 });
  assertEquals(write.entries.map(({ index }) => index), [5, 6, 7]);
  assertEquals(write.held.map(({ type }) => type), ["MsgAppResp", "MsgVote"]);
  assertEquals(queue.take(), undefined);
});

Deno.test("PersistQueue.take() lets a later entry replace all from its index on", () => {
  for (const first of [3, 5, 6, 7]) {
    const queue = new PersistQueue();
    queue.push(ready(1, { entries: [entry(5, 1), entry(6, 1)] }));
    queue.push(ready(2, { entries: [entry(first, 2)] }));
    const kept = [entry(5, 1), entry(6, 1)].filter((one) => one.index < first);
    assertEquals(queue.take()!.entries, [...kept, entry(first, 2)]);
  }
});

Deno.test("PersistQueue.take() drops the entries before a snapshot", () => {
  const queue = new PersistQueue();
  const snapshot = {
    index: 9,
    term: 2,
    confState: {
      voters: [1],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    },
    data: new Uint8Array(0),
  };
  queue.push(ready(1, { entries: [entry(5, 1)] }));
  queue.push(ready(2, { snapshot }));
  queue.push(ready(3, { entries: [entry(10, 2)] }));
  const write = queue.take()!;
  assertEquals(write.entries, [entry(10, 2)]);
  assertEquals(write.snapshot, snapshot);
});

Deno.test("PersistQueue.take() keeps a commit mark for the next write that is needed", () => {
  const queue = new PersistQueue();
  queue.push(ready(1, { hardState: { term: 1, vote: 1, commit: 8 } }));
  const lazy = queue.take()!;
  assertEquals([lazy.needed, lazy.hardState], [false, undefined]);
  queue.push(ready(2, { entries: [entry(9, 1)] }));
  assertEquals(queue.take()!.hardState, { term: 1, vote: 1, commit: 8 });
  queue.push(ready(3, { entries: [entry(10, 1)] }));
  assertEquals(queue.take()!.hardState, undefined);
});
