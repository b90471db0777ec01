import { assert, assertEquals } from "@std/assert";
import { MemoryStorage } from "../../lib/raft/memory_storage.ts";
import { draft } from "../../lib/raft/message.ts";
import type { Message } from "../../lib/raft/types.ts";
import { brokenPromise } from "./promises.ts";

/** Node 1: term 4, its vote for node 2, three entries. */
function disk(): MemoryStorage {
  const storage = new MemoryStorage();
  storage.setHardState({ term: 4, vote: 2, commit: 0 });
  storage.append(
    [1, 2, 3].map((index) => ({
      index,
      term: 4,
      type: "normal",
      data: new Uint8Array(0),
    })),
  );
  return storage;
}

function broken(
  type: Message["type"],
  to: number,
  term: number,
  rest: Partial<Message> = {},
): boolean {
  const message = { ...draft(type, 1, to, term), ...rest };
  return brokenPromise(disk(), message) !== undefined;
}

Deno.test("brokenPromise() finds votes that are not on disk", () => {
  assert(!broken("MsgVoteResp", 2, 4));
  assert(broken("MsgVoteResp", 3, 4));
  assert(broken("MsgVoteResp", 2, 5));
  // A refusal promises nothing, and a vote of an earlier term can never be given again.
  assert(!broken("MsgVoteResp", 3, 4, { reject: true }));
  assert(!broken("MsgVoteResp", 3, 3));
  assert(broken("MsgVote", 2, 4));
  assert(broken("MsgVote", 2, 5));
});

Deno.test("brokenPromise() finds acks of what is not on disk", () => {
  assert(!broken("MsgAppResp", 2, 4, { index: 3 }));
  assert(broken("MsgAppResp", 2, 4, { index: 4 }));
  assert(broken("MsgAppResp", 2, 5, { index: 3 }));
  assert(!broken("MsgAppResp", 2, 4, { index: 9, reject: true }));
  // The term has gone on, and others may have taken the place of what was acknowledged.
  assert(!broken("MsgAppResp", 2, 3, { index: 9 }));
});

Deno.test("brokenPromise() expects nothing of other messages", () => {
  for (const type of ["MsgApp", "MsgHeartbeat", "MsgPreVote"] as const) {
    assertEquals(broken(type, 2, 9, { index: 9 }), false);
  }
});
