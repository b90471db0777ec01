/** What a leader does with answers, reads and the wish to hand over. */
import { assertEquals, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import {
  bytes,
  describePeers,
  message,
  RaftNetwork,
  text,
} from "../../fixtures/raft_network.ts";

/** Reads that a node may serve, as "context@index". */
function reads(network: RaftNetwork, id: number): string[] {
  return network.peer(id).reads.map(({ context, index }) =>
    `${text(context)}@${index}`
  );
}

Deno.test("a leader commits by a quorum and tells everybody (5.3)", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.process(1);
  network.said();
  network.node(1).step(message("MsgAppResp", 3, 1, 1, { index: 12 }));
  network.process(1);
  assertEquals(network.peer(1).state, ["a"]);
  assertEquals(network.said(), [
    "1->2 MsgApp Term:1 Log:1/12 Commit:12",
    "1->3 MsgApp Term:1 Log:1/12 Commit:12",
  ]);
});

Deno.test("a leader counts no learner for a commit", () => {
  const network = RaftNetwork.of([1, 2, 3], {}, { learners: [4, 5] });
  network.elect(1);
  network.propose(1, "a");
  network.stabilize(1, 4, 5);
  assertEquals(network.node(1).status().commit, 11);
});

Deno.test("a leader tells a member that acknowledges late the commit index at once", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.stabilize(1, 2);
  network.deliver(3);
  network.process(3);
  network.said();
  network.stabilize(1);
  assertEquals(network.said(), []);
  network.propose(1, "b");
  network.process(1);
  network.drop(3);
  network.stabilize(1, 2);
  network.drop(3);
  network.said();
  network.node(1).reportUnreachable(3);
  network.node(1).step(message("MsgAppResp", 3, 1, 1, { index: 12 }));
  network.process(1);
  assertEquals(network.said(), [
    '1->3 MsgApp Term:1 Log:1/12 Commit:13 Entries:[1/13 "b"]',
  ]);
});

Deno.test("a leader ignores an ack that is no news", () => {
  const network = RaftNetwork.led();
  network.node(1).step(message("MsgAppResp", 2, 1, 1, { index: 11 }));
  network.node(1).step(message("MsgAppResp", 2, 1, 1, { index: 5 }));
  assertEquals(network.node(1).hasReady(), false);
});

Deno.test("a leader refuses acks and rejections of what was never sent", () => {
  const network = RaftNetwork.led();
  const before = describePeers(network.node(1));
  for (const reject of [false, true]) {
    const answer = message("MsgAppResp", 2, 1, 1, { index: 99, reject });
    assertEquals(network.node(1).step(answer), "malformed");
  }
  assertEquals(describePeers(network.node(1)), before);
});

for (const type of ["MsgApp", "MsgHeartbeat"] as const) {
  Deno.test(`a leader stops when another sends ${type} in its term`, () => {
    const network = RaftNetwork.led();
    assertThrows(
      () => network.node(1).step(message(type, 2, 1, 1)),
      InvariantViolation,
      "two leaders",
    );
  });
}

Deno.test("a leader goes back by the terms of the follower's log, not one by one", () => {
  const network = RaftNetwork.led();
  // 1 and 2 go on alone; 3 dreams of leading and fills its log with its own term.
  for (let at = 0; at < 10; at++) network.propose(1, `p${at}`);
  network.stabilize(1, 2);
  network.drop();
  network.said();
  network.tick(1);
  network.stabilize();
  const probes = network.said().filter((said) =>
    said.startsWith("1->3 MsgApp") || said.startsWith("3->1 MsgAppResp")
  );
  assertEquals(probes.length, 4, probes.join("\n"));
  assertEquals(network.peer(3).state.length, 10);
});

Deno.test("a leader ignores a rejection that is out of date", () => {
  const network = RaftNetwork.led();
  const rejection = message("MsgAppResp", 2, 1, 1, {
    index: 10,
    reject: true,
    rejectHint: 3,
  });
  network.node(1).step(rejection);
  assertEquals(network.node(1).hasReady(), false);
});

Deno.test("a leader sends to a paused member again once it answers a heartbeat", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  network.node(1).campaign();
  network.process(1);
  network.node(1).step(message("MsgVoteResp", 2, 1, 1));
  network.process(1);
  network.drop();
  network.propose(1, "a");
  network.process(1);
  network.said();
  network.node(1).step(message("MsgHeartbeatResp", 2, 1, 1));
  network.process(1);
  assertEquals(network.said(), [
    '1->2 MsgApp Term:1 Log:1/10 Commit:10 Entries:[1/11 "", 1/12 "a"]',
  ]);
});

Deno.test("a leader sends nothing to a member that has everything and answers a heartbeat", () => {
  const network = RaftNetwork.led();
  network.node(1).step(message("MsgHeartbeatResp", 2, 1, 1));
  assertEquals(network.node(1).hasReady(), false);
});

Deno.test("a leader ends the probing of a member that has everything", () => {
  const network = RaftNetwork.led();
  network.node(1).reportUnreachable(2);
  assertEquals(describePeers(network.node(1))[1], "2: probe match=11 next=12");
  network.tick(1);
  network.stabilize();
  assertEquals(
    describePeers(network.node(1))[1],
    "2: replicate match=11 next=12",
  );
});

Deno.test("readIndex() on a leader waits for a quorum of heartbeats", () => {
  const network = RaftNetwork.led();
  assertEquals(network.node(1).readIndex(bytes("r")), undefined);
  network.process(1);
  assertEquals(reads(network, 1), []);
  network.stabilize(1, 2);
  assertEquals(reads(network, 1), ["r@11"]);
});

Deno.test("readIndex() sees everything that was committed when it was asked", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a", "b");
  network.stabilize();
  network.node(1).readIndex(bytes("r"));
  network.propose(1, "c");
  network.stabilize();
  assertEquals(reads(network, 1), ["r@13"]);
});

Deno.test("readIndex() on a follower is answered by the leader", () => {
  const network = RaftNetwork.led();
  network.node(2).readIndex(bytes("r"));
  network.stabilize();
  assertEquals(reads(network, 2), ["r@11"]);
  assertEquals(reads(network, 1), []);
});

Deno.test("readIndex() confirms many reads with one round of heartbeats", () => {
  const network = RaftNetwork.led();
  for (const context of ["a", "b", "c"]) {
    network.node(1).readIndex(bytes(context));
  }
  network.process(1);
  const last = network.queue.filter(({ to }) => to === 2).at(-1)!;
  network.drop();
  network.node(2).step(last);
  network.stabilize();
  assertEquals(reads(network, 1), ["a@11", "b@11", "c@11"]);
});

Deno.test("readIndex() asks again with every heartbeat, should the first be lost", () => {
  const network = RaftNetwork.led();
  network.node(1).readIndex(bytes("r"));
  network.process(1);
  network.drop();
  network.tick(1);
  network.stabilize();
  assertEquals(reads(network, 1), ["r@11"]);
});

Deno.test("readIndex() of a single voter needs no heartbeat", () => {
  const network = RaftNetwork.of([1]);
  network.elect(1);
  network.node(1).readIndex(bytes("r"));
  network.process(1);
  assertEquals(reads(network, 1), ["r@11"]);
});

Deno.test("readIndex() is refused when too many wait", () => {
  const network = RaftNetwork.led({ maxPendingReads: 2 });
  network.node(1).readIndex(bytes("a"));
  network.node(1).readIndex(bytes("b"));
  assertEquals(network.node(1).readIndex(bytes("c")), "tooManyReads");
});

Deno.test("readIndex() is never answered by a leader that was replaced", () => {
  const network = RaftNetwork.led();
  network.node(1).readIndex(bytes("r"));
  network.process(1);
  network.drop();
  network.node(2).campaign();
  network.stabilize();
  network.tick(1, 2);
  network.tick(2, 2);
  network.stabilize();
  assertEquals(reads(network, 1), []);
});

Deno.test("transferLeader() to a member that has everything tells it to run at once", () => {
  const network = RaftNetwork.led({ preVote: true, checkQuorum: true });
  network.node(1).transferLeader(2);
  network.process(1);
  assertEquals(network.said(), ["1->2 MsgTimeoutNow Term:1 Log:0/0"]);
  network.stabilize();
  assertEquals(network.node(2).status().role, "leader");
  assertEquals(network.node(1).status().lead, 2);
  assertEquals(network.node(1).status().leadTransferee, 0);
});

Deno.test("transferLeader() lets a member catch up first", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.stabilize(1, 2);
  network.drop(3);
  network.node(1).transferLeader(3);
  network.tick(1);
  network.stabilize();
  assertEquals(network.node(3).status().role, "leader");
  assertEquals(network.peer(3).state, ["a"]);
});

Deno.test("transferLeader() sends at once to a member that is paused", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.node(1).reportUnreachable(3);
  network.propose(1, "b");
  network.process(1);
  network.drop(3);
  network.said();
  network.node(1).transferLeader(3);
  network.stabilize();
  assertEquals(network.node(3).status().role, "leader");
});

Deno.test("transferLeader() is passed on by a follower", () => {
  const network = RaftNetwork.led();
  network.node(3).transferLeader(2);
  network.stabilize();
  assertEquals(network.node(2).status().role, "leader");
});

Deno.test("transferLeader() is refused to a learner and to who is no member", () => {
  const network = RaftNetwork.of([1, 2], {}, { learners: [3] });
  network.elect(1);
  assertEquals(network.node(1).transferLeader(3), "unknownPeer");
  assertEquals(network.node(1).transferLeader(9), "unknownPeer");
  assertEquals(network.node(1).status().leadTransferee, 0);
});

Deno.test("transferLeader() to itself stays, and takes back an earlier wish", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.node(1).transferLeader(2);
  assertEquals(network.node(1).status().leadTransferee, 2);
  assertEquals(network.node(1).transferLeader(1), undefined);
  assertEquals(network.node(1).status().leadTransferee, 0);
});

Deno.test("transferLeader() to another replaces the wish, to the same changes nothing", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.process(1);
  network.drop();
  network.said();
  network.node(1).transferLeader(2);
  network.node(1).transferLeader(2);
  network.node(1).transferLeader(3);
  assertEquals(network.node(1).status().leadTransferee, 3);
  network.process(1);
  assertEquals(network.said(), [
    "1->2 MsgApp Term:1 Log:1/12 Commit:11",
    "1->3 MsgApp Term:1 Log:1/12 Commit:11",
  ]);
});

Deno.test("transferLeader() is over when another is elected", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.node(1).transferLeader(2);
  network.node(1).step(message("MsgHeartbeat", 3, 1, 9));
  assertEquals(network.node(1).status().leadTransferee, 0);
});
