/**
 * The mistakes that others have made with Raft, each as a test that fails when it is made here.
 * Section numbers: the Raft paper.
 */
import { assert, assertEquals } from "@std/assert";
import { waitsForPersist } from "../../../lib/raft/message.ts";
import {
  bytes,
  describe,
  describeMembers,
  describePeers,
  log,
  members,
  message,
  RaftNetwork,
  storageWith,
  text,
} from "../../fixtures/raft_network.ts";

Deno.test("trap: a commit by counting entries of old terms (5.4.2)", () => {
  // Figure 8: node 1 leads term 4 with an entry of term 2 that it has not committed.
  const network = new RaftNetwork();
  for (const id of [1, 2, 3, 4, 5]) {
    const terms = id <= 2 ? [1, 2] : [1];
    network.start(id, storageWith([1, 2, 3, 4, 5], log(terms), 3));
  }
  const { node } = network.peer(1);
  node.campaign();
  network.process(1);
  for (const id of [2, 3]) node.step(message("MsgVoteResp", id, 1, 4));
  network.process(1);
  assertEquals(node.status().role, "leader");
  // Four of five hold the entry of term 2, and none of them the one of term 4.
  for (const id of [2, 3, 4]) {
    node.step(message("MsgAppResp", id, 1, 4, { index: 2 }));
  }
  assertEquals(node.status().commit, 0);
  for (const id of [2, 3]) {
    node.step(message("MsgAppResp", id, 1, 4, { index: 3 }));
  }
  assertEquals(node.status().commit, 3, "with one of its own term all are");
});

Deno.test("trap: the vote is cleared by a step-down in the same term", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  const { node } = network.peer(1);
  node.campaign();
  network.process(1);
  network.said();
  // Another has won the term; then a third one, late, asks for a vote in it.
  node.step(message("MsgHeartbeat", 2, 1, 1));
  node.forgetLeader();
  node.step(message("MsgVote", 3, 1, 1, { index: 99, logTerm: 1 }));
  network.process(1);
  assertEquals(node.status().vote, 1);
  assertEquals(
    network.said().at(-1),
    [
      "1->3 MsgVoteResp Term:1 Log:0/0 Rejected (Hint: 0)",
    ][0],
  );
});

Deno.test("trap: term and vote are written apart", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  const { node } = network.peer(1);
  node.step(message("MsgVote", 2, 1, 7, { index: 99, logTerm: 6 }));
  const { hardState } = node.ready();
  assertEquals(hardState, { term: 7, vote: 2, commit: 10 });
});

Deno.test("trap: a vote leaves before its term and vote are durable", () => {
  const network = RaftNetwork.of([1, 2, 3], { asyncStorageWrites: true });
  const { node } = network.peer(1);
  node.step(message("MsgVote", 2, 1, 7, { index: 99, logTerm: 6 }));
  const { messages } = node.ready();
  assertEquals(messages.map(({ type }) => type), ["MsgVoteResp"]);
  assert(messages.every(waitsForPersist));
});

Deno.test("trap: a vote request leaves before its term and vote are durable", () => {
  const network = RaftNetwork.of([1, 2, 3], { asyncStorageWrites: true });
  const peer = network.peer(1);
  peer.node.campaign();
  const { messages, hardState } = peer.take();
  assertEquals(hardState, { term: 1, vote: 1, commit: 10 });
  assertEquals(messages.map(({ type }) => type), ["MsgVote", "MsgVote"]);
  assert(messages.every(waitsForPersist));
  // Its own vote does not count before it is written either.
  peer.node.step(message("MsgVoteResp", 2, 1, 1));
  assertEquals(peer.node.status().role, "candidate");
  peer.persist();
  assertEquals(peer.node.status().role, "leader");
});

Deno.test("trap: a reordered append cuts off a suffix that matches", () => {
  const network = new RaftNetwork();
  const peer = network.start(1, storageWith([1, 2, 3], log([1]), 1));
  const append = (index: number, count: number) =>
    message("MsgApp", 2, 1, 1, {
      index,
      logTerm: 1,
      entries: log(Array(count).fill(1), index + 1),
    });
  peer.node.step(append(1, 3));
  peer.node.step(append(1, 1));
  peer.node.step(append(2, 0));
  network.process(1);
  assertEquals(peer.storage.lastIndex(), 4);
  assertEquals(network.said(), [
    "1->2 MsgAppResp Term:1 Log:0/4",
    "1->2 MsgAppResp Term:1 Log:0/2",
    "1->2 MsgAppResp Term:1 Log:0/2",
  ]);
});

Deno.test("trap: a stale durability notice counts after a change of term", () => {
  const network = new RaftNetwork();
  const peer = network.start(1, storageWith([1, 2, 3], log([1]), 1), {
    asyncStorageWrites: true,
  });
  const append = (from: number, term: number) =>
    message("MsgApp", from, 1, term, {
      index: 1,
      logTerm: 1,
      entries: log([term], 2),
      commit: 2,
    });
  peer.node.step({ ...append(2, 2), commit: 1 });
  peer.take();
  // The entry is replaced at the same place while the first is being written.
  peer.node.step(append(3, 3));
  peer.take();
  peer.persist();
  assertEquals(peer.storage.term(2), 2, "the disk still shows the first");
  while (peer.node.hasReady()) {
    const given = peer.take().committedEntries.map(({ index }) => index);
    assert(!given.includes(2), "the second is committed and not yet durable");
  }
  while (peer.jobs.length > 0) peer.persist();
  assertEquals(peer.node.ready().committedEntries.map(({ term }) => term), [3]);
});

Deno.test("trap: the leader's commit index is taken past the last new entry", () => {
  // This follower holds an entry at 2 that the leader has replaced and committed.
  const network = new RaftNetwork();
  const { node } = network.start(1, storageWith([1, 2, 3], log([1, 1]), 2));
  node.step(message("MsgApp", 2, 1, 3, { index: 1, logTerm: 1, commit: 2 }));
  assertEquals(node.status().commit, 1);
});

Deno.test("trap: a read before the leader has committed in its own term", () => {
  // An entry is committed that this node holds, but has not heard of as committed.
  const network = new RaftNetwork();
  const { node } = network.start(2, storageWith([1, 2, 3], log([1, 1]), 1, 1));
  node.campaign();
  network.process(2);
  node.step(message("MsgVoteResp", 3, 2, 2));
  assertEquals(node.status().role, "leader");
  node.readIndex(bytes("r"));
  network.process(2);
  node.step(message("MsgHeartbeatResp", 3, 2, 2));
  assertEquals(network.peer(2).reads, [], "it could miss what is committed");
  node.step(message("MsgAppResp", 3, 2, 2, { index: 3 }));
  network.process(2);
  const [beat] = network.queue.filter(({ type, to }) =>
    type === "MsgHeartbeat" && to === 3
  );
  const { context } = beat!;
  node.step(message("MsgHeartbeatResp", 3, 2, 2, { context }));
  network.process(2);
  assertEquals(
    network.peer(2).reads.map((read) => [read.index, text(read.context)]),
    [[3, "r"]],
  );
});

Deno.test("trap: two membership changes are pending at once", () => {
  const network = RaftNetwork.led();
  assertEquals(network.change(1, "+4"), undefined);
  assertEquals(network.change(1, "-3"), "confChangeRefused");
  network.stabilize(1, 2, 3);
  assertEquals(describeMembers(network.node(1).status()), "(1 2 3 4)");
});

Deno.test("trap: a new leader takes a change before the one in its log is committed (2015)", () => {
  const network = RaftNetwork.led();
  network.change(1, "+4");
  network.process(1);
  network.deliver(2, 3);
  for (const id of [2, 3]) network.process(id);
  network.drop();
  network.node(2).campaign();
  network.process(2);
  network.deliver(3);
  network.process(3);
  network.deliver(2);
  assertEquals(network.node(2).status().role, "leader");
  assertEquals(network.change(2, "-3"), "confChangeRefused");
  network.stabilize(1, 2, 3);
  assertEquals(describeMembers(network.node(2).status()), "(1 2 3 4)");
  assertEquals(network.change(2, "-3"), undefined);
});

Deno.test("trap: a change takes effect that is in the log and may be cut off", () => {
  const network = RaftNetwork.led();
  network.change(1, "-3");
  network.process(1);
  network.deliver(3);
  network.process(3);
  network.drop();
  assertEquals(describeMembers(network.node(3).status()), "(1 2 3)");
  // Another leads, and the tail with the change is replaced.
  network.node(2).campaign();
  network.process(2);
  const { node } = network.peer(2);
  node.step(message("MsgVoteResp", 1, 2, 2));
  network.drop();
  network.tick(2);
  network.stabilize();
  network.propose(2, "x");
  network.stabilize();
  assertEquals(
    [1, 2, 3].map((id) => describeMembers(network.node(id).status())),
    ["(1 2 3)", "(1 2 3)", "(1 2 3)"],
  );
  assertEquals(network.peer(3).state, ["x"]);
});

Deno.test("trap: the membership is lost with a compacted log", () => {
  const network = RaftNetwork.led();
  network.change(1, "+4");
  network.stabilize(1, 2, 3);
  const { storage, membership, applied } = network.peer(2);
  storage.createSnapshot(applied, membership, new Uint8Array(0));
  storage.compact(applied);
  const restarted = network.start(2, storage).node;
  assertEquals(describeMembers(restarted.status()), "(1 2 3 4)");
  assertEquals(storage.initialState().confState, members([1, 2, 3, 4]));
});

Deno.test("trap: a full window that never opens again", () => {
  const network = RaftNetwork.led({ maxInflightMessages: 2 });
  network.propose(1, "a", "b", "c");
  network.process(1);
  network.drop();
  assertEquals(
    describePeers(network.node(1))[1],
    "2: replicate match=11 next=14 paused inflight=2[full]",
  );
  network.tick(1);
  network.stabilize();
  assertEquals(network.peer(2).state, ["a", "b", "c"]);
});

Deno.test("trap: a transfer of the lead that stops proposals for ever", () => {
  const network = RaftNetwork.led();
  network.node(1).transferLeader(3);
  network.process(1);
  network.drop();
  assertEquals(network.node(1).propose([bytes("a")]), "transferring");
  for (let ticks = 0; ticks < 3; ticks++) {
    network.tick(1);
    network.stabilize(1, 2);
  }
  assertEquals(network.node(1).propose([bytes("a")]), undefined);
});

Deno.test("trap: the tick waits for the disk", () => {
  const network = RaftNetwork.led({
    asyncStorageWrites: true,
    checkQuorum: true,
  });
  const peer = network.peer(1);
  network.propose(1, "a");
  peer.take();
  // Nothing becomes durable here, yet heartbeats leave and the quorum is checked.
  network.tick(1);
  assertEquals(peer.take().messages.map(describe), [
    "1->2 MsgHeartbeat Term:1 Log:0/0 Commit:11",
    "1->3 MsgHeartbeat Term:1 Log:0/0 Commit:11",
  ]);
  network.tick(1, 6);
  assertEquals(peer.node.status().role, "follower");
});
