/**
 * What a node checks of itself while it runs. Each is broken here on purpose, and the node stops
 * rather than go on; what cannot be broken from outside is shown to hold.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { Core } from "../../../lib/raft/core.ts";
import { Progress } from "../../../lib/raft/progress.ts";
import {
  bytes,
  config,
  log,
  message,
  RaftNetwork,
  storageWith,
} from "../../fixtures/raft_network.ts";

const window = { maxInflightMessages: 8, maxInflightBytes: Infinity };

function stops(act: () => void, reason: string): void {
  assertThrows(act, InvariantViolation, reason);
}

Deno.test("invariant: match < next", () => {
  stops(() => new Progress(window, 5, 5, false), "not below its next");
  const progress = new Progress(window, 5, 9, false);
  stops(() => progress.becomeSnapshot(4), "fell to its match");
  // Whatever a member answers keeps it.
  const network = RaftNetwork.led();
  network.propose(1, "a", "b", "c");
  network.process(1);
  for (const index of [0, 5, 11, 12, 14]) {
    for (const reject of [true, false]) {
      const answer = { index, reject, rejectHint: index, logTerm: 1 };
      network.node(1).step(message("MsgAppResp", 2, 1, 1, answer));
      network.node(1).step(message("MsgHeartbeatResp", 2, 1, 1));
      for (const { match, next } of network.node(1).status().peers) {
        assert(match < next, `${match} < ${next}`);
      }
    }
  }
});

Deno.test("invariant: applied <= committed", () => {
  const { node } = RaftNetwork.led().peer(1);
  stops(() => node.applied(12), "before they were committed");
});

Deno.test("invariant: committed <= last", () => {
  const storage = storageWith([1, 2, 3], log([1, 1]), 1, 3);
  stops(() => new Core(config(1, storage)), "past the end of the log");
});

Deno.test("invariant: first - 1 <= applied", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  const { node, storage, membership } = network.peer(1);
  network.process(1);
  node.step(message("MsgAppResp", 2, 1, 1, { index: 12 }));
  // Compacted before it is applied: there is nothing left to apply.
  storage.createSnapshot(12, membership, new Uint8Array(0));
  storage.compact(12);
  stops(() => node.ready(), "compacted before they were applied");
});

Deno.test("invariant: the commit index never falls", () => {
  const { node } = RaftNetwork.led().peer(2);
  node.step(message("MsgHeartbeat", 1, 2, 1, { commit: 3 }));
  node.step(message("MsgApp", 1, 2, 1, { index: 11, logTerm: 1, commit: 4 }));
  assertEquals(node.status().commit, 11);
});

Deno.test("invariant: the term never falls", () => {
  const core = new Core(config(1, storageWith([1, 2, 3], log([4]))));
  stops(() => core.becomeFollower(3, 2), "the term fell");
  const { node } = RaftNetwork.led().peer(2);
  node.step(message("MsgHeartbeat", 3, 2, 8));
  node.step(message("MsgHeartbeat", 1, 2, 1));
  assertEquals(node.status().term, 8);
});

Deno.test("invariant: the applied index never falls", () => {
  const { node } = RaftNetwork.led().peer(1);
  node.applied(5);
  assertEquals(node.status().applied, 11);
});

Deno.test("invariant: one vote a term", () => {
  const core = new Core(config(1, storageWith([1, 2, 3], log([1]))));
  core.voteFor(2);
  stops(() => core.voteFor(3), "a second vote");
});

Deno.test("invariant: a leader never deletes its own entries", () => {
  const core = new Core(config(1, storageWith([1, 2, 3], log([1, 1]))));
  stops(() => core.log.append(log([1], 2)), "entries of its own log");
  const { node } = RaftNetwork.led().peer(1);
  const other = message("MsgApp", 2, 1, 1, {
    index: 10,
    logTerm: 1,
    entries: log([1], 11),
  });
  stops(() => node.step(other), "two leaders in one term");
});

Deno.test("invariant: a committed entry is never replaced", () => {
  const { node } = RaftNetwork.led().peer(2);
  const other = message("MsgApp", 3, 2, 2, {
    index: 10,
    logTerm: 1,
    entries: log([2], 11),
  });
  // It rests on something from before the commit index, so it is not even looked at.
  node.step(other);
  assertEquals(node.status().commit, 11);
  const core = new Core(config(1, storageWith([1, 2], log([1, 1]), 1, 2)));
  stops(
    () => core.log.maybeAppend({ index: 1, term: 1 }, log([3], 2), 2),
    "conflicts with a committed one",
  );
});

Deno.test("invariant: a leader commits only by an entry of its own term", () => {
  const core = new Core(config(1, storageWith([1, 2, 3], log([1, 1, 2]))));
  assertEquals(core.log.maybeCommit(2, 2), false);
  assertEquals(core.log.maybeCommit(3, 2), true);
});

Deno.test("invariant: an ack never exceeds what is durable", () => {
  for (const id of [1, 2]) {
    const network = RaftNetwork.led({ asyncStorageWrites: true });
    const { node } = network.peer(id);
    if (id === 1) node.propose([bytes("a")]);
    else {
      node.step(message("MsgApp", 1, 2, 1, {
        index: 11,
        logTerm: 1,
        entries: log([1], 12),
      }));
    }
    // Reported as durable without having been written.
    const { job } = node.ready();
    stops(() => node.durable(job), "storage does not have");
    assertEquals(node.status().peers[0]?.match ?? 11, 11);
  }
});
