/** The embedding contract: what a Ready holds, and when notices count. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../../lib/errors.ts";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { RaftNode } from "../../../lib/raft/node.ts";
import {
  bytes,
  config,
  describe,
  describeEntry,
  log,
  message,
  Peer,
  RaftNetwork,
  storageWith,
} from "../../fixtures/raft_network.ts";

Deno.test("RaftNode() refuses a configuration that breaks a rule", () => {
  const storage = storageWith([1]);
  assertThrows(
    () => new RaftNode(config(1, storage, { electionTicks: 1 })),
    ConveyorError,
    "electionTicks",
  );
});

Deno.test("hasReady() is false on a node that has just started", () => {
  const { node } = new Peer(
    config(1, storageWith([1, 2, 3], log([1, 1]), 1, 0)),
    storageWith([1, 2, 3]),
  );
  assertEquals(node.hasReady(), false);
});

Deno.test("ready() gives out on start what was committed and not applied", () => {
  const storage = storageWith([1, 2, 3], log([1, 1, 1]), 1, 2);
  const { node } = new Peer(config(1, storage), storage);
  assert(node.hasReady());
  const ready = node.ready();
  assertEquals(ready.committedEntries.map(({ index }) => index), [1, 2]);
  assertEquals(ready.hardState, undefined, "nothing has changed");
});

Deno.test("ready() gives out soft state and hard state only when they change", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  const { node } = network.peer(1);
  node.campaign();
  const ready = network.process(1);
  assertEquals(ready.softState, { role: "candidate", lead: 0 });
  assertEquals(ready.hardState, { term: 1, vote: 1, commit: 10 });
  network.stabilize();
  network.tick(1);
  const next = network.process(1);
  assertEquals([next.softState, next.hardState], [undefined, undefined]);
  assertEquals(node.hasReady(), false);
});

Deno.test("ready() numbers its jobs one after the other", () => {
  const network = RaftNetwork.led();
  const first = network.process.bind(network, 1);
  network.propose(1, "a");
  const { job } = first();
  network.propose(1, "b");
  assertEquals(first().job, job + 1);
});

Deno.test("ready() asks for a sync when a term, a vote or an entry is new, not for a commit index", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  assertEquals(network.process(1).mustSync, true, "an entry");
  network.deliver(2);
  network.process(2);
  network.deliver(1);
  const ready = network.process(1);
  assertEquals(ready.hardState?.commit, 12);
  assertEquals(ready.mustSync, false);
  network.node(3).step(message("MsgHeartbeat", 2, 3, 5));
  assertEquals(network.process(3).mustSync, true, "a term");
  network.node(3).step(
    message("MsgVote", 2, 3, 6, { index: 50, logTerm: 5 }),
  );
  assertEquals(network.process(3).mustSync, true, "a vote");
});

Deno.test("ready() puts what waits for the disk behind what may go at once", () => {
  const network = RaftNetwork.led({ asyncStorageWrites: true });
  const { node } = network.peer(2);
  node.step(message("MsgApp", 1, 2, 1, {
    index: 11,
    logTerm: 1,
    entries: log([1], 12),
  }));
  node.step(message("MsgHeartbeat", 1, 2, 1));
  assertEquals(node.ready().messages.map(describe), [
    "2->1 MsgHeartbeatResp Term:1 Log:0/0",
    "2->1 MsgAppResp Term:1 Log:0/12",
  ]);
});

Deno.test("ready() is taken once at a time without asyncStorageWrites", () => {
  const network = RaftNetwork.led();
  const { node } = network.peer(1);
  network.propose(1, "a");
  const ready = node.ready();
  network.propose(1, "b");
  assertThrows(() => node.ready(), InvariantViolation, "durable");
  network.peer(1).write(ready);
  node.advance(ready);
  assertEquals(node.ready().entries.map(describeEntry), ['1/13 "b"']);
});

Deno.test("ready() is taken as often as there is work with asyncStorageWrites", () => {
  const network = RaftNetwork.led({ asyncStorageWrites: true });
  const { node } = network.peer(1);
  network.propose(1, "a");
  assertEquals(node.ready().entries.map(describeEntry), ['1/12 "a"']);
  network.propose(1, "b");
  assertEquals(node.ready().entries.map(describeEntry), ['1/13 "b"']);
  assertEquals(node.hasReady(), false);
});

Deno.test("ready() gives out committed entries only once they are durable with asyncStorageWrites", () => {
  const network = RaftNetwork.of([1], { asyncStorageWrites: true });
  const peer = network.peer(1);
  peer.node.campaign();
  peer.take();
  peer.persist();
  const { entries, committedEntries } = peer.take();
  assertEquals([entries.length, committedEntries.length], [1, 0]);
  peer.persist();
  assertEquals(peer.take().committedEntries.map(({ index }) => index), [11]);
});

Deno.test("ready() pages committed entries by the bytes that are not applied yet", () => {
  const network = RaftNetwork.led({ maxCommittedBytesPerReady: 40 });
  const { node, storage } = network.peer(1);
  network.propose(1, "aaaa", "bbbb", "cccc", "dddd", "eeee");
  const first = node.ready();
  storage.append(first.entries);
  node.durable(first.job);
  node.step(message("MsgAppResp", 2, 1, 1, { index: 16 }));
  const given: number[][] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    given.push(ready.committedEntries.map(({ index }) => index));
    node.advance(ready);
  }
  assertEquals(given, [[12, 13], [14, 15], [16]]);
});

Deno.test("durable() of a job that was never given out stops the node", () => {
  const { node } = RaftNetwork.led().peer(1);
  assertThrows(() => node.durable(1000), InvariantViolation, "never given out");
});

Deno.test("applied() of what is not committed stops the node", () => {
  const { node } = RaftNetwork.led().peer(1);
  assertThrows(() => node.applied(12), InvariantViolation, "committed");
});

Deno.test("propose() of nothing does nothing", () => {
  const { node } = RaftNetwork.led().peer(1);
  assertEquals(node.propose([]), undefined);
  assertEquals(node.hasReady(), false);
});

Deno.test("propose() takes all entries of one call in one go, and keeps no buffer", () => {
  const network = RaftNetwork.led();
  const data = [bytes("a"), bytes("b")];
  network.node(1).propose(data);
  for (const one of data) one.fill(0);
  network.stabilize();
  assertEquals(network.peer(3).state, ["a", "b"]);
});

Deno.test("applyConfChange() with node ids of 0 changes nothing", () => {
  const network = RaftNetwork.led();
  network.change(1, "+4");
  const { entries } = network.process(1);
  assertEquals(entries.length, 1);
  const before = network.node(1).status().voters;
  const after = network.node(1).applyConfChange({
    version: 2,
    transition: "auto",
    changes: [{ type: "addNode", nodeId: 0 }],
    context: new Uint8Array(0),
  });
  assertEquals(after.voters, before);
});

Deno.test("status() tells of peers only on a leader", () => {
  const network = RaftNetwork.led();
  assertEquals(network.node(1).status().peers.map(({ id }) => id), [1, 2, 3]);
  const { peers, role, lead, id } = network.node(2).status();
  assertEquals([peers, role, lead, id], [[], "follower", 1, 2]);
});

Deno.test("setRandomizedElectionTimeout() holds until the timeout is drawn again", () => {
  const { node } = RaftNetwork.of([1, 2, 3], { electionTicks: 10 }).peer(1);
  node.setRandomizedElectionTimeout(2);
  node.tick();
  assertEquals(node.status().role, "follower");
  node.tick();
  assertEquals(node.status().role, "candidate");
  node.tick();
  node.tick();
  assertEquals(node.status().term, 1);
});
