/** What a candidate does with messages of its term. Section numbers: the Raft paper. */
import { assertEquals } from "@std/assert";
import {
  bytes,
  log,
  members,
  message,
  RaftNetwork,
  snapshotAt,
  storageWith,
} from "../../fixtures/raft_network.ts";

function candidate(preVote = false): RaftNetwork {
  const network = new RaftNetwork();
  network.start(1, storageWith([1, 2, 3], log([1])), { preVote });
  network.node(1).campaign();
  network.process(1);
  network.said();
  return network;
}

for (const preVote of [false, true]) {
  const name = preVote ? "pre-candidate" : "candidate";
  for (const type of ["MsgApp", "MsgHeartbeat", "MsgSnap"] as const) {
    Deno.test(`a ${name} follows who leads its term when it sends ${type} (5.2)`, () => {
      const network = candidate(preVote);
      const { node } = network.peer(1);
      const { term, vote } = node.status();
      const snapshot = type === "MsgSnap"
        ? snapshotAt(5, 1, members([1, 2, 3]))
        : undefined;
      node.step(message(type, 2, 1, term, { snapshot, index: 1, logTerm: 1 }));
      const after = node.status();
      assertEquals([after.role, after.lead, after.term], ["follower", 2, term]);
      assertEquals(after.vote, vote, "the vote of the term stays");
      network.process(1);
      assertEquals(network.said().length, 1);
    });
  }

  Deno.test(`a ${name} refuses what only a leader can do`, () => {
    const { node } = candidate(preVote).peer(1);
    assertEquals(node.propose([bytes("a")]), "noLeader");
    assertEquals(node.readIndex(bytes("r")), "noLeader");
    assertEquals(node.transferLeader(2), "noLeader");
  });

  Deno.test(`a ${name} gives its term's vote to nobody else`, () => {
    const network = candidate(preVote);
    const { node } = network.peer(1);
    const { term, vote } = node.status();
    if (preVote) return assertEquals(vote, 0);
    node.step(message("MsgVote", 2, 1, term, { index: 9, logTerm: 9 }));
    network.process(1);
    assertEquals(node.status().vote, 1);
    assertEquals(network.said(), [
      "1->2 MsgVoteResp Term:2 Log:0/0 Rejected (Hint: 0)",
    ]);
  });

  Deno.test(`a ${name} ignores MsgTimeoutNow and foreign answers`, () => {
    const network = candidate(preVote);
    const { node } = network.peer(1);
    const { term, role } = node.status();
    for (
      const type of ["MsgTimeoutNow", "MsgAppResp", "MsgHeartbeatResp"] as const
    ) {
      node.step(message(type, 2, 1, term));
    }
    assertEquals(node.status().role, role);
  });
}

Deno.test("a pre-candidate that a quorum would elect becomes a candidate, term and vote at once", () => {
  const network = candidate(true);
  const { node } = network.peer(1);
  node.step(message("MsgPreVoteResp", 2, 1, 2));
  assertEquals([node.status().role, node.status().term], ["candidate", 2]);
  const ready = network.process(1);
  assertEquals(ready.hardState, { term: 2, vote: 1, commit: 0 });
  assertEquals(network.said(), [
    "1->2 MsgVote Term:2 Log:1/1",
    "1->3 MsgVote Term:2 Log:1/1",
  ]);
});

Deno.test("a pre-candidate that a quorum refuses follows, its term as it was", () => {
  const network = candidate(true);
  const { node } = network.peer(1);
  for (const id of [2, 3]) {
    node.step(message("MsgPreVoteResp", id, 1, 1, { reject: true }));
  }
  assertEquals([node.status().role, node.status().term], ["follower", 1]);
});

Deno.test("a candidate does not count answers to its pre-vote", () => {
  const network = candidate(true);
  const { node } = network.peer(1);
  node.step(message("MsgPreVoteResp", 2, 1, 2));
  network.process(1);
  node.step(message("MsgPreVoteResp", 3, 1, 2));
  assertEquals(node.status().role, "candidate");
  node.step(message("MsgVoteResp", 3, 1, 2));
  assertEquals(node.status().role, "leader");
});

Deno.test("a pre-candidate does not count votes", () => {
  const { node } = candidate(true).peer(1);
  node.step(message("MsgVoteResp", 2, 1, 1));
  assertEquals(node.status().role, "preCandidate");
});

Deno.test("a candidate that is elected opens its term with an empty entry (5.2)", () => {
  const network = candidate();
  network.node(1).step(message("MsgVoteResp", 3, 1, 2));
  const ready = network.process(1);
  assertEquals(ready.softState, { lead: 1, role: "leader" });
  assertEquals(network.said(), [
    '1->2 MsgApp Term:2 Log:1/1 Entries:[2/2 ""]',
    '1->3 MsgApp Term:2 Log:1/1 Entries:[2/2 ""]',
  ]);
});
