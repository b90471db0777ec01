import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  draft,
  isForwarded,
  isResponse,
  isTransfer,
  isWellFormed,
  transferContext,
  waitsForPersist,
} from "../../../lib/raft/message.ts";
import type { Message, MessageType } from "../../../lib/raft/types.ts";
import {
  bytes,
  log,
  members,
  message,
  snapshotAt,
} from "../../fixtures/raft_network.ts";

const kinds: readonly [type: MessageType, marks: string][] = [
  ["MsgProp", "forwarded"],
  ["MsgApp", ""],
  ["MsgAppResp", "waits response"],
  ["MsgVote", "waits"],
  ["MsgVoteResp", "waits response"],
  ["MsgPreVote", ""],
  ["MsgPreVoteResp", "waits response"],
  ["MsgHeartbeat", ""],
  ["MsgHeartbeatResp", "response"],
  ["MsgSnap", ""],
  ["MsgTimeoutNow", ""],
  ["MsgTransferLeader", "forwarded"],
  ["MsgReadIndex", "forwarded"],
  ["MsgReadIndexResp", "response"],
];

for (const [type, marks] of kinds) {
  Deno.test(`waitsForPersist(), isResponse() and isForwarded() know ${type}`, () => {
    assertEquals(
      waitsForPersist(draft(type, 1, 2, 1)),
      marks.includes("waits"),
    );
    assertEquals(isResponse(type), marks.includes("response"));
    assertEquals(isForwarded(type), marks.includes("forwarded"));
  });
}

Deno.test("isTransfer() knows the context by its bytes", () => {
  const context = transferContext.slice();
  assert(isTransfer(message("MsgVote", 1, 2, 1, { context })));
  assertFalse(isTransfer(message("MsgVote", 1, 2, 1)));
  context[3] = 0;
  assertFalse(isTransfer(message("MsgVote", 1, 2, 1, { context })));
});

const app = message("MsgApp", 1, 2, 3, {
  index: 4,
  logTerm: 2,
  entries: log([2, 3], 5),
});
const snap = message("MsgSnap", 1, 2, 3, {
  snapshot: snapshotAt(5, 2, members([1])),
});

Deno.test("isWellFormed() takes what a node sends", () => {
  assert(isWellFormed(app));
  assert(isWellFormed(snap));
  assert(isWellFormed(message("MsgProp", 1, 2, 0, { entries: log([1]) })));
  assert(
    isWellFormed(message("MsgReadIndex", 1, 2, 0, { context: bytes("x") })),
  );
  assert(isWellFormed(message("MsgHeartbeat", 1, 2, 1)));
});

const malformed: readonly [name: string, wrong: Message][] = [
  ["no sender", { ...app, from: 0 }],
  ["a broken sender", { ...app, from: 1.5 }],
  ["a broken term", { ...app, term: NaN }],
  ["a negative index", { ...app, index: -1 }],
  ["an index past the safe integers", { ...app, index: 2 ** 53 }],
  ["a broken logTerm", { ...app, logTerm: -2 }],
  ["a broken commit", { ...app, commit: 0.5 }],
  ["a broken hint", { ...app, rejectHint: Infinity }],
  ["no term", { ...app, term: 0 }],
  ["a gap behind the index", { ...app, index: 3 }],
  ["a gap between entries", {
    ...app,
    entries: [log([2], 5)[0]!, log([2], 7)[0]!],
  }],
  ["a term that falls", { ...app, entries: log([3, 2], 5) }],
  ["a term below the one before", { ...app, logTerm: 3 }],
  ["a term above the sender's", { ...app, entries: log([2, 4], 5) }],
  ["a previous term above the sender's", { ...app, logTerm: 4, entries: [] }],
  [
    "a proposal with a term",
    message("MsgProp", 1, 2, 1, { entries: log([1]) }),
  ],
  ["a proposal of nothing", message("MsgProp", 1, 2, 0)],
  ["a read with a term", message("MsgReadIndex", 1, 2, 1)],
  ["a snapshot message without one", { ...snap, snapshot: undefined }],
  ["an empty snapshot", { ...snap, snapshot: snapshotAt(0, 0, members([1])) }],
  ["a snapshot of a later term", {
    ...snap,
    snapshot: snapshotAt(5, 4, members([1])),
  }],
  ["a snapshot with a broken term", {
    ...snap,
    snapshot: snapshotAt(5, -1, members([1])),
  }],
];

for (const [name, wrong] of malformed) {
  Deno.test(`isWellFormed() refuses ${name}`, () => {
    assertFalse(isWellFormed(wrong));
  });
}
