/** What goes to followers and when: probing, windows, snapshots, heartbeats. */
import { assert, assertEquals } from "@std/assert";
import { entryFrameBytes } from "../../../lib/raft/entry_size.ts";
import {
  describePeers,
  members,
  message,
  RaftNetwork,
  snapshotAt,
} from "../../fixtures/raft_network.ts";

/** A leader that has compacted all, and node 3 that has missed the last entries. */
function behind(): RaftNetwork {
  const network = RaftNetwork.led();
  network.propose(1, "a", "b");
  network.stabilize(1, 2);
  network.drop(3);
  const { storage, membership } = network.peer(1);
  storage.createSnapshot(13, membership, new Uint8Array(0));
  storage.compact(13);
  network.tick(1);
  network.process(1);
  network.said();
  return network;
}

Deno.test("a new leader probes each member with one append at a time", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  network.node(1).campaign();
  network.process(1);
  network.stabilize(2);
  network.deliver(1);
  network.propose(1, "a", "b");
  network.said();
  network.process(1);
  assertEquals(network.said(), [
    '1->2 MsgApp Term:1 Log:1/10 Commit:10 Entries:[1/11 ""]',
    '1->3 MsgApp Term:1 Log:1/10 Commit:10 Entries:[1/11 ""]',
  ]);
  network.stabilize(1, 2);
  assertEquals(network.said().slice(0, 4), [
    "2->1 MsgAppResp Term:1 Log:0/11",
    '1->2 MsgApp Term:1 Log:1/11 Commit:11 Entries:[1/12 "a", 1/13 "b"]',
    "2->1 MsgAppResp Term:1 Log:0/13",
    "1->2 MsgApp Term:1 Log:1/13 Commit:13",
  ]);
});

Deno.test("a leader pipelines appends without waiting for acks", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a", "b", "c");
  network.process(1);
  assertEquals(network.said().filter((said) => said.startsWith("1->2")), [
    '1->2 MsgApp Term:1 Log:1/11 Commit:11 Entries:[1/12 "a"]',
    '1->2 MsgApp Term:1 Log:1/12 Commit:11 Entries:[1/13 "b"]',
    '1->2 MsgApp Term:1 Log:1/13 Commit:11 Entries:[1/14 "c"]',
  ]);
  assertEquals(
    describePeers(network.node(1))[1],
    "2: replicate match=11 next=15 inflight=3",
  );
});

Deno.test("a leader splits a backlog into appends of the bound, as many as the window takes", () => {
  const network = RaftNetwork.led({
    maxBytesPerMessage: 2 * (entryFrameBytes + 1),
    maxInflightMessages: 2,
  });
  network.propose(1, "a", "b", "c", "d", "e", "f", "g");
  network.process(1);
  network.said();
  network.stabilize(1, 2);
  const sizes = network.said().filter((said) => said.startsWith("1->2 MsgApp"))
    .map((said) => said.split('"').length >> 1);
  assert(Math.max(...sizes) === 2, sizes.join());
  assertEquals(network.peer(2).state.join(""), "abcdefg");
});

Deno.test("a leader sends one entry whatever its size", () => {
  const network = RaftNetwork.led({ maxBytesPerMessage: 1 });
  network.propose(1, "long", "longer");
  network.stabilize();
  assertEquals(network.peer(3).state, ["long", "longer"]);
});

Deno.test("a window that is full in messages holds further appends back", () => {
  const network = RaftNetwork.led({ maxInflightMessages: 2 });
  network.propose(1, "a", "b", "c", "d");
  network.process(1);
  assertEquals(describePeers(network.node(1)).slice(1), [
    "2: replicate match=11 next=14 paused inflight=2[full]",
    "3: replicate match=11 next=14 paused inflight=2[full]",
  ]);
});

Deno.test("a window that is full in bytes holds further appends back", () => {
  const network = RaftNetwork.led({ maxInflightBytes: 10 });
  network.propose(1, "12345", "12345", "12345");
  network.process(1);
  assertEquals(
    describePeers(network.node(1))[1],
    "2: replicate match=11 next=14 paused inflight=2[full]",
  );
});

Deno.test("a window opens by one ack for everything up to it", () => {
  const network = RaftNetwork.led({ maxInflightMessages: 3 });
  network.propose(1, "a", "b", "c", "d", "e");
  network.process(1);
  network.said();
  network.node(1).step(message("MsgAppResp", 2, 1, 1, { index: 13 }));
  network.process(1);
  assertEquals(
    describePeers(network.node(1))[1],
    "2: replicate match=13 next=17 inflight=2",
  );
});

Deno.test("reportUnreachable() ends pipelining, and only on a leader", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a", "b");
  network.node(1).reportUnreachable(2);
  network.node(1).reportUnreachable(2);
  network.node(1).reportUnreachable(9);
  network.node(2).reportUnreachable(1);
  assertEquals(describePeers(network.node(1)).slice(1), [
    "2: probe match=11 next=12",
    "3: replicate match=11 next=14 inflight=2",
  ]);
});

Deno.test("a leader sends a snapshot to a member whose next entries are compacted", () => {
  const network = behind();
  network.deliver(3);
  network.process(3);
  network.said();
  network.stabilize(1);
  assertEquals(network.said(), ["1->3 MsgApp Term:1 Log:1/13 Commit:13"]);
  network.stabilize(1, 3);
  assertEquals(network.said(), [
    "3->1 MsgAppResp Term:1 Log:1/13 Rejected (Hint: 11)",
    "1->3 MsgSnap Term:1 Log:0/0 Snapshot:1/13 (1 2 3)",
    "3->1 MsgAppResp Term:1 Log:0/13",
  ]);
  assertEquals(network.peer(3).state, ["a", "b"]);
  assertEquals(
    describePeers(network.node(1))[2],
    "3: replicate match=13 next=14",
  );
});

/** A leader with a snapshot to node 3 under way. */
function sending(): RaftNetwork {
  const network = behind();
  network.drop();
  network.node(1).step(message("MsgAppResp", 3, 1, 1, {
    index: 13,
    reject: true,
    rejectHint: 11,
    logTerm: 1,
  }));
  network.process(1);
  assertEquals(network.said(), [
    "1->3 MsgSnap Term:1 Log:0/0 Snapshot:1/13 (1 2 3)",
  ]);
  assertEquals(
    describePeers(network.node(1))[2],
    "3: snapshot match=11 next=14 paused pendingSnapshot=13",
  );
  return network;
}

Deno.test("a leader sends nothing else to a member that awaits a snapshot", () => {
  const network = sending();
  network.propose(1, "c");
  network.node(1).step(message("MsgHeartbeatResp", 3, 1, 1));
  network.process(1);
  assertEquals(network.said().filter((said) => said.startsWith("1->3")), []);
});

Deno.test("reportSnapshot() of success probes behind it, once the member speaks", () => {
  const network = sending();
  network.node(1).reportSnapshot(3, true);
  assertEquals(
    describePeers(network.node(1))[2],
    "3: probe match=11 next=14 paused",
  );
  network.node(1).step(message("MsgAppResp", 3, 1, 1, { index: 13 }));
  assertEquals(
    describePeers(network.node(1))[2],
    "3: replicate match=13 next=14",
  );
});

Deno.test("reportSnapshot() of failure sends it again after a sign of life", () => {
  const network = sending();
  network.node(1).reportSnapshot(3, false);
  assertEquals(
    describePeers(network.node(1))[2],
    "3: probe match=11 next=12 paused",
  );
  network.node(1).step(message("MsgHeartbeatResp", 3, 1, 1));
  network.process(1);
  assertEquals(network.said(), [
    "1->3 MsgSnap Term:1 Log:0/0 Snapshot:1/13 (1 2 3)",
  ]);
});

Deno.test("reportSnapshot() about no snapshot changes nothing", () => {
  const network = sending();
  const before = describePeers(network.node(1));
  network.node(1).reportSnapshot(2, false);
  network.node(1).reportSnapshot(9, false);
  network.node(2).reportSnapshot(3, false);
  assertEquals(describePeers(network.node(1)), before);
});

Deno.test("a leader takes any snapshot that the log can carry on from", () => {
  const network = sending();
  network.propose(1, "c");
  network.stabilize(1, 2);
  network.drop(3);
  network.said();
  // It acknowledges less than the pending snapshot, but enough.
  const { storage, membership } = network.peer(1);
  assertEquals([storage.firstIndex(), membership], [14, members([1, 2, 3])]);
  network.node(1).step(message("MsgAppResp", 3, 1, 1, { index: 13 }));
  network.process(1);
  assertEquals(network.said(), [
    '1->3 MsgApp Term:1 Log:1/13 Commit:14 Entries:[1/14 "c"]',
  ]);
});

Deno.test("a leader keeps waiting after an ack that the log cannot carry on from", () => {
  const network = sending();
  network.node(1).step(message("MsgAppResp", 3, 1, 1, { index: 12 }));
  assertEquals(
    describePeers(network.node(1))[2],
    "3: snapshot match=12 next=14 paused pendingSnapshot=13",
  );
  network.node(1).reportUnreachable(3);
  assertEquals(
    describePeers(network.node(1))[2],
    "3: snapshot match=12 next=14 paused pendingSnapshot=13",
  );
});

Deno.test("a leader sends no snapshot to who is not heard from", () => {
  const network = RaftNetwork.of([1, 2], { checkQuorum: true }, {
    learners: [3],
  });
  network.elect(1);
  network.propose(1, "a");
  network.stabilize(1, 2);
  const { storage, membership } = network.peer(1);
  storage.createSnapshot(12, membership, new Uint8Array(0));
  storage.compact(12);
  for (let round = 0; round < 6; round++) {
    network.tick(1);
    network.stabilize(1, 2);
  }
  network.node(1).reportUnreachable(3);
  network.drop();
  network.said();
  network.propose(1, "b");
  network.process(1);
  assertEquals(
    describePeers(network.node(1))[2],
    "3: probe match=11 next=12 learner inactive",
  );
  assertEquals(network.said().map((said) => said.slice(0, 11)), [
    "1->2 MsgApp",
  ]);
  network.node(1).step(message("MsgHeartbeatResp", 3, 1, 1));
  network.process(1);
  assertEquals(network.said(), [
    "1->3 MsgSnap Term:1 Log:0/0 Snapshot:1/12 (1 2) learners=(3)",
  ]);
});

Deno.test("a leader tries again later when there is no snapshot right now", () => {
  const network = behind();
  network.drop();
  const { storage } = network.peer(1);
  const { snapshot } = storage;
  const rejection = message("MsgAppResp", 3, 1, 1, {
    index: 13,
    reject: true,
    rejectHint: 11,
    logTerm: 1,
  });
  storage.snapshot = () => undefined;
  network.node(1).step(rejection);
  assertEquals(network.node(1).hasReady(), false);
  storage.snapshot = snapshot;
  network.node(1).step(message("MsgHeartbeatResp", 3, 1, 1));
  network.process(1);
  assertEquals(network.said(), [
    "1->3 MsgSnap Term:1 Log:0/0 Snapshot:1/13 (1 2 3)",
  ]);
});

Deno.test("a heartbeat carries no commit index past what the member is known to hold", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.stabilize(1, 2);
  network.drop(3);
  network.said();
  network.tick(1);
  network.process(1);
  assertEquals(network.said(), [
    "1->2 MsgHeartbeat Term:1 Log:0/0 Commit:12",
    "1->3 MsgHeartbeat Term:1 Log:0/0 Commit:11",
  ]);
});

Deno.test("a learner is sent everything", () => {
  const network = RaftNetwork.of([1], {}, { learners: [2] });
  network.elect(1);
  network.propose(1, "a");
  network.stabilize();
  assertEquals(network.peer(2).state, ["a"]);
});

Deno.test("who joins from nothing is sent a snapshot with the members", () => {
  const network = RaftNetwork.led();
  network.add(4);
  network.change(1, "+4");
  network.stabilize();
  assertEquals(network.peer(4).membership, members([1, 2, 3, 4]));
  assertEquals(network.peer(4).storage.snapshot()?.index, 12);
  assertEquals(
    describePeers(network.node(1))[3],
    "4: replicate match=12 next=13",
  );
});

Deno.test("acks of a snapshot that came twice do no harm", () => {
  const network = sending();
  const snapshot = snapshotAt(13, 1, members([1, 2, 3]), ["a", "b"]);
  const snap = message("MsgSnap", 1, 3, 1, { snapshot });
  network.drop();
  network.node(3).step(snap);
  network.node(3).step(snap);
  network.stabilize();
  assertEquals(network.peer(3).state, ["a", "b"]);
  assertEquals(
    describePeers(network.node(1))[2],
    "3: replicate match=13 next=14",
  );
});
