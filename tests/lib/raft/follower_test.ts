/** What a follower does with what its leader sends. Section numbers: the Raft paper. */
import { assertEquals, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { InvariantViolation } from "../../../lib/invariant.ts";
import {
  bytes,
  describeMembers,
  entry,
  log,
  members,
  message,
  RaftNetwork,
  snapshotAt,
  storageWith,
  text,
} from "../../fixtures/raft_network.ts";

/** Node 1 of three that follows 2 in the last entry's term. */
function follower(terms: number[], commit = 0): RaftNetwork {
  const network = new RaftNetwork();
  const term = terms.at(-1) ?? 1;
  const storage = storageWith([1, 2, 3], log(terms), term, commit);
  const { node } = network.start(1, storage);
  node.step(message("MsgHeartbeat", 2, 1, term));
  network.process(1);
  network.said();
  return network;
}

/** Terms of the whole log as stored. */
function stored(network: RaftNetwork): number[] {
  const { storage } = network.peer(1);
  return storage.entries(1, storage.lastIndex() + 1, Infinity)
    .map(({ term }) => term);
}

const appends: readonly [
  name: string,
  terms: number[],
  index: number,
  logTerm: number,
  given: number[],
  answer: string,
  after: number[],
][] = [
  ["takes what follows its log", [1, 1], 2, 1, [2, 2], "Log:0/4", [1, 1, 2, 2]],
  ["takes the first entries", [], 0, 0, [1], "Log:0/1", [1]],
  ["takes an append twice", [1, 2], 1, 1, [2], "Log:0/2", [1, 2]],
  ["replaces what conflicts (5.3)", [1, 1, 1], 1, 1, [2], "Log:0/2", [1, 2]],
  [
    "keeps the suffix that matches when an append is reordered (5.3)",
    [1, 1, 1],
    0,
    0,
    [1],
    "Log:0/1",
    [1, 1, 1],
  ],
  [
    "refuses after a gap, with the end of its log as hint (5.3)",
    [1, 1],
    5,
    1,
    [1],
    "Log:1/5 Rejected (Hint: 2)",
    [1, 1],
  ],
  [
    "refuses after a conflict, with the last place that could match as hint",
    [1, 1, 2, 2],
    4,
    1,
    [3],
    "Log:1/4 Rejected (Hint: 2)",
    [1, 1, 2, 2],
  ],
  [
    "refuses with a hint of 0 when nothing can match",
    [2, 2],
    2,
    1,
    [3],
    "Log:0/2 Rejected (Hint: 0)",
    [2, 2],
  ],
];

for (const [name, terms, index, logTerm, given, answer, after] of appends) {
  Deno.test(`a follower ${name}`, () => {
    const network = follower(terms);
    const { term } = network.node(1).status();
    const leads = Math.max(term, ...given);
    network.node(1).step(
      message("MsgApp", 2, 1, leads, {
        index,
        logTerm,
        entries: log(given, index + 1),
      }),
    );
    network.process(1);
    assertEquals(network.said(), [`1->2 MsgAppResp Term:${leads} ${answer}`]);
    assertEquals(stored(network), after);
  });
}

Deno.test("a follower answers an append from before its commit index with that index", () => {
  const network = follower([1, 1, 1], 2);
  network.node(1).step(message("MsgApp", 2, 1, 1, { index: 1, logTerm: 1 }));
  network.process(1);
  assertEquals(network.said(), ["1->2 MsgAppResp Term:1 Log:0/2"]);
});

const commitCases: readonly [
  name: string,
  given: number[],
  leaderCommit: number,
  commit: number,
][] = [
  ["with the leader", [1], 2, 2],
  ["no further than what is proved equal", [], 3, 1],
  ["no further than the last new entry", [1], 9, 2],
  ["nothing new", [1], 0, 0],
];

for (const [name, given, leaderCommit, commit] of commitCases) {
  Deno.test(`a follower commits ${name} (5.3)`, () => {
    const network = follower([1, 1, 1]);
    network.node(1).step(message("MsgApp", 2, 1, 1, {
      index: 1,
      logTerm: 1,
      entries: log(given, 2),
      commit: leaderCommit,
    }));
    assertEquals(network.node(1).status().commit, commit);
  });
}

Deno.test("a follower applies what is committed, in order", () => {
  const network = follower([1, 1, 1]);
  network.node(1).step(message("MsgHeartbeat", 2, 1, 1, { commit: 2 }));
  network.process(1);
  assertEquals(network.peer(1).state, ["1/1", "1/2"]);
  assertEquals(network.node(1).status().applied, 2);
});

Deno.test("a follower answers a heartbeat with its context, not with its buffer", () => {
  const network = follower([1]);
  const context = bytes("read");
  network.node(1).step(message("MsgHeartbeat", 2, 1, 1, { context }));
  context.fill(0);
  const { messages } = network.process(1);
  assertEquals(network.said(), ["1->2 MsgHeartbeatResp Term:1 Log:0/0"]);
  assertEquals(text(messages[0]!.context), "read");
});

Deno.test("a follower never lets a heartbeat take the commit index back", () => {
  const network = follower([1, 1, 1], 3);
  network.node(1).step(message("MsgHeartbeat", 2, 1, 1, { commit: 1 }));
  assertEquals(network.node(1).status().commit, 3);
});

Deno.test("a follower stops when the leader knows of entries that it lost", () => {
  const network = follower([1]);
  const { code } = assertThrows(
    () => network.node(1).step(message("MsgHeartbeat", 2, 1, 1, { commit: 2 })),
    ConveyorError,
    "this node has acknowledged 2 and its log ends at 1",
  );
  assertEquals(code, Code.DataLoss);
});

Deno.test("a follower stops when two lead in one term", () => {
  const network = follower([1]);
  assertThrows(
    () => network.node(1).step(message("MsgApp", 3, 1, 1)),
    InvariantViolation,
    "two leaders",
  );
});

const snapshot = snapshotAt(7, 2, members([1, 2, 4], [3]), ["state"]);

Deno.test("a follower starts again from a snapshot past its log", () => {
  const network = follower([1, 1]);
  const { node } = network.peer(1);
  node.step(message("MsgSnap", 2, 1, 2, { snapshot }));
  assertEquals(node.status().commit, 7);
  assertEquals(node.status().applied, 0, "not before it is in");
  const ready = network.process(1);
  assertEquals(ready.snapshot, snapshot);
  assertEquals(ready.hardState, { term: 2, vote: 0, commit: 7 });
  assertEquals(network.said(), ["1->2 MsgAppResp Term:2 Log:0/7"]);
  assertEquals(describeMembers(node.status()), "(1 2 4) learners=(3)");
  assertEquals([node.status().applied, network.peer(1).state], [7, ["state"]]);
});

Deno.test("a follower keeps no buffer of a snapshot's sender", () => {
  const network = follower([1]);
  const data = bytes('["kept"]');
  network.node(1).step(
    message("MsgSnap", 2, 1, 2, { snapshot: { ...snapshot, data } }),
  );
  data.fill(0);
  network.process(1);
  assertEquals(network.peer(1).state, ["kept"]);
});

Deno.test("a follower ignores a snapshot from before its commit index", () => {
  const network = follower([2, 2, 2], 3);
  const old = snapshotAt(3, 2, members([1, 2, 3]));
  network.node(1).step(message("MsgSnap", 2, 1, 2, { snapshot: old }));
  const ready = network.process(1);
  assertEquals(ready.snapshot, undefined);
  assertEquals(network.said(), ["1->2 MsgAppResp Term:2 Log:0/3"]);
});

Deno.test("a follower whose log holds the snapshot's end only commits", () => {
  const network = follower([1, 2, 2, 2]);
  const known = snapshotAt(3, 2, members([1, 2, 3]));
  network.node(1).step(message("MsgSnap", 2, 1, 2, { snapshot: known }));
  const ready = network.process(1);
  assertEquals(ready.snapshot, undefined);
  assertEquals(network.node(1).status().commit, 3);
  assertEquals(stored(network), [1, 2, 2, 2]);
});

Deno.test("a follower takes a snapshot from before it was a member, and may not run by it", () => {
  const network = follower([1]);
  const earlier = snapshotAt(7, 2, members([2, 3]));
  network.node(1).step(message("MsgSnap", 2, 1, 2, { snapshot: earlier }));
  const ready = network.process(1);
  assertEquals(ready.snapshot, earlier);
  assertEquals(network.said(), ["1->2 MsgAppResp Term:2 Log:0/7"]);
  assertEquals(network.node(1).campaign(), "cannotCampaign");
});

Deno.test("a follower takes entries behind a snapshot that is still being installed", () => {
  const network = follower([1]);
  const { node } = network.peer(1);
  node.step(message("MsgSnap", 2, 1, 2, { snapshot }));
  node.step(
    message("MsgApp", 2, 1, 2, {
      index: 7,
      logTerm: 2,
      entries: log([2], 8),
      commit: 8,
    }),
  );
  const ready = network.process(1);
  assertEquals(ready.entries, log([2], 8));
  assertEquals(ready.committedEntries, []);
  network.process(1);
  assertEquals(network.peer(1).state, ["state", "2/8"]);
});

Deno.test("a follower passes proposals on to its leader, not its caller's buffer", () => {
  const network = follower([1]);
  const data = bytes("abc");
  assertEquals(network.node(1).propose([data]), undefined);
  data.fill(0);
  network.process(1);
  assertEquals(network.said(), [
    '1->2 MsgProp Term:0 Log:0/0 Entries:[0/0 "abc"]',
  ]);
});

Deno.test("a follower passes on what another has passed on, in that one's name", () => {
  const network = follower([1]);
  network.node(1).step(
    message("MsgProp", 3, 1, 0, { entries: [entry(0, 0, "x")] }),
  );
  network.node(1).step(
    message("MsgReadIndex", 3, 1, 0, { context: bytes("r") }),
  );
  network.node(1).step(message("MsgTransferLeader", 3, 1, 1));
  network.process(1);
  assertEquals(network.said(), [
    '3->2 MsgProp Term:0 Log:0/0 Entries:[0/0 "x"]',
    "3->2 MsgReadIndex Term:0 Log:0/0",
    "3->2 MsgTransferLeader Term:1 Log:0/0",
  ]);
});

Deno.test("a follower without a leader refuses what only a leader can do", () => {
  const network = new RaftNetwork();
  const { node } = network.start(1, storageWith([1, 2, 3]));
  assertEquals(node.propose([bytes("a")]), "noLeader");
  assertEquals(network.change(1, "+4"), "noLeader");
  assertEquals(node.readIndex(bytes("r")), "noLeader");
  assertEquals(node.transferLeader(2), "noLeader");
  assertEquals(node.hasReady(), false);
});

Deno.test("a follower gives out the reads that the leader answers", () => {
  const network = follower([1]);
  const context = bytes("r");
  network.node(1).step(
    message("MsgReadIndexResp", 2, 1, 1, { index: 5, context }),
  );
  context.fill(0);
  const { readStates } = network.process(1);
  assertEquals(readStates, [{ index: 5, context: bytes("r") }]);
});

Deno.test("a follower ignores answers to questions it no longer asks", () => {
  const network = follower([1]);
  for (
    const type of [
      "MsgAppResp",
      "MsgHeartbeatResp",
      "MsgVoteResp",
      "MsgPreVoteResp",
    ] as const
  ) {
    assertEquals(network.node(1).step(message(type, 2, 1, 1)), undefined);
  }
  assertEquals(network.node(1).hasReady(), false);
});
