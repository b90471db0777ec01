/** Membership changes as they take effect. */
import { assertEquals, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { leaveJoint } from "../../../lib/raft/conf_change.ts";
import {
  bytes,
  changes,
  describeMembers,
  describePeers,
  log,
  members,
  message,
  RaftNetwork,
  snapshotAt,
  text,
} from "../../fixtures/raft_network.ts";

function led(
  voters = [1, 2, 3],
  given = {},
  learners: number[] = [],
): RaftNetwork {
  const network = RaftNetwork.of(voters, given, { learners });
  network.elect(1);
  return network;
}

function shown(network: RaftNetwork, id: number): string {
  return describeMembers(network.node(id).status());
}

const changesMade: readonly [name: string, steps: string, after: string][] = [
  ["adds a voter", "+4", "(1 2 3 4)"],
  ["adds a learner", "~4", "(1 2 3) learners=(4)"],
  ["removes a follower", "-3", "(1 2)"],
  ["demotes a follower", "~3", "(1 2) learners=(3)"],
  ["replaces one in one go", "-3 +4", "(1 2 4)"],
  ["adds one and demotes one", "+4 ~2", "(1 3 4) learners=(2)"],
];

for (const [name, steps, after] of changesMade) {
  Deno.test(`a group ${name}, and goes on`, () => {
    const network = led();
    network.add(4);
    network.change(1, steps);
    network.stabilize();
    network.propose(1, "x");
    network.stabilize();
    const { voters, learners } = network.node(1).status();
    for (const id of [...voters, ...learners]) {
      assertEquals([shown(network, id), network.peer(id).state], [after, [
        "x",
      ]]);
    }
  });
}

Deno.test("a learner is promoted to a voter", () => {
  const network = led([1, 2], {}, [3]);
  network.change(1, "+3");
  network.stabilize();
  assertEquals(shown(network, 3), "(1 2 3)");
  assertEquals(
    describePeers(network.node(1))[2],
    "3: replicate match=12 next=13",
  );
});

Deno.test("a group of one grows to two before the second has anything", () => {
  const network = led([1]);
  network.add(2);
  network.change(1, "+2");
  network.stabilize(1);
  network.propose(1, "x");
  network.stabilize(1);
  assertEquals(network.peer(1).state, [], "two must agree by now");
  network.stabilize();
  assertEquals([1, 2].map((id) => network.peer(id).state), [["x"], ["x"]]);
});

Deno.test("a joint change is left by the leader once it is applied", () => {
  const network = led();
  network.add(4);
  network.change(1, "+4 -3");
  network.process(1);
  network.deliver(2);
  network.process(2);
  network.deliver(1);
  network.process(1);
  assertEquals(shown(network, 1), "(1 2 4)&&(1 2 3) autoleave");
  network.stabilize();
  assertEquals([1, 2, 4].map((id) => shown(network, id)), [
    "(1 2 4)",
    "(1 2 4)",
    "(1 2 4)",
  ]);
});

Deno.test("a joint change that leaves by itself does so when asked for a single step too", () => {
  const network = led();
  network.change(1, "-3", "jointImplicit");
  network.stabilize();
  assertEquals(shown(network, 1), "(1 2)");
});

Deno.test("a joint change that does not leave by itself waits to be told", () => {
  const network = led();
  network.change(1, "-3", "jointExplicit");
  network.stabilize();
  assertEquals(shown(network, 1), "(1 2)&&(1 2 3)");
  network.node(2).proposeConfChange(leaveJoint);
  network.stabilize();
  assertEquals(shown(network, 2), "(1 2)");
});

Deno.test("a new leader leaves the joint membership that the old one could not", () => {
  const network = led();
  network.add(4);
  network.change(1, "+4 -3");
  network.process(1);
  network.deliver(2);
  network.process(2);
  network.stabilize(1);
  network.deliver(2);
  network.stabilize(2);
  assertEquals(shown(network, 2), "(1 2 4)&&(1 2 3) autoleave");
  network.drop();
  network.node(2).campaign();
  network.stabilize(2, 3, 4);
  network.drop();
  network.tick(2);
  network.stabilize();
  assertEquals([2, 4].map((id) => shown(network, id)), ["(1 2 4)", "(1 2 4)"]);
});

Deno.test("a joint membership is not left while the leader hands over, but after", () => {
  const network = led();
  network.change(1, "-3", "jointImplicit");
  network.process(1);
  network.deliver(2);
  network.process(2);
  network.deliver(1);
  network.node(1).transferLeader(3);
  network.process(1);
  network.drop();
  assertEquals(shown(network, 1), "(1 2)&&(1 2 3) autoleave");
  assertEquals(network.peer(1).storage.lastIndex(), 12, "nothing was proposed");
  network.tick(1, 3);
  assertEquals(network.node(1).status().leadTransferee, 0);
  network.stabilize();
  assertEquals(shown(network, 1), "(1 2)");
});

Deno.test("a removed leader leads until the change is applied, then steps down", () => {
  const network = led([1, 2, 3], { stepDownOnRemoval: true });
  network.change(1, "-1");
  assertEquals(network.node(1).status().role, "leader");
  network.stabilize();
  const { role, term, lead } = network.node(1).status();
  assertEquals({ role, term, lead }, { role: "follower", term: 1, lead: 0 });
  network.elect(2);
  assertEquals(network.node(3).status().lead, 2);
});

Deno.test("a demoted leader steps down", () => {
  const network = led([1, 2, 3], { stepDownOnRemoval: true });
  network.change(1, "~1");
  network.stabilize();
  assertEquals(network.node(1).status().role, "follower");
  assertEquals(network.node(1).campaign(), "cannotCampaign");
});

Deno.test("a removed leader that may stay still tells the others the commit index", () => {
  const network = led();
  network.change(1, "-1");
  network.stabilize();
  assertEquals(network.node(1).status().role, "leader");
  assertEquals([2, 3].map((id) => shown(network, id)), ["(2 3)", "(2 3)"]);
});

Deno.test("a removed leader does not count itself for commits", () => {
  const network = led([1, 2, 3]);
  network.change(1, "-1");
  network.propose(1, "x");
  network.process(1);
  network.deliver(2);
  network.process(2);
  network.queue = network.queue.filter(({ to, index }) =>
    to !== 1 || index === 12
  );
  network.deliver(1);
  network.process(1);
  assertEquals(network.node(1).status().commit, 12);
  network.node(1).step(message("MsgAppResp", 2, 1, 1, { index: 13 }));
  assertEquals(network.node(1).status().commit, 12, "3 must have it too");
  network.node(1).step(message("MsgAppResp", 3, 1, 1, { index: 13 }));
  assertEquals(network.node(1).status().commit, 13);
});

Deno.test("removing a member may commit what waited for it", () => {
  const network = led([1, 2]);
  network.change(1, "-2");
  network.process(1);
  network.propose(1, "x");
  network.process(1);
  network.deliver(2);
  network.process(2);
  network.queue = network.queue.filter(({ index }) => index === 12);
  network.deliver(1);
  network.process(1);
  network.process(1);
  assertEquals(network.peer(1).state, ["x"]);
});

Deno.test("removing a member may confirm the reads that waited for it", () => {
  const network = led([1, 2]);
  network.change(1, "-2");
  network.process(1);
  network.deliver(2);
  network.process(2);
  network.node(1).readIndex(bytes("r"));
  network.deliver(1);
  network.process(1);
  network.process(1);
  assertEquals(network.peer(1).reads.map(({ context }) => text(context)), [
    "r",
  ]);
});

Deno.test("a transfer to who is removed is given up", () => {
  const network = led();
  network.change(1, "-2");
  network.process(1);
  network.node(1).transferLeader(2);
  network.node(1).step(message("MsgAppResp", 3, 1, 1, { index: 12 }));
  network.process(1);
  assertEquals(network.node(1).status().leadTransferee, 0);
});

Deno.test("applyConfChange() with node id 0 says no: the membership stays", () => {
  const network = led();
  const confState = network.node(1).applyConfChange({
    version: 1,
    change: { type: "addNode", nodeId: 0 },
    context: bytes(""),
  });
  assertEquals(confState, members([1, 2, 3]));
});

Deno.test("applyConfChange() stops the node at a change that cannot be", () => {
  const network = led();
  assertThrows(
    () => network.node(2).applyConfChange(leaveJoint),
    InvariantViolation,
  );
});

Deno.test("applyConfChange() behind a snapshot on its way in leaves that one's members alone", () => {
  const network = new RaftNetwork();
  const peer = network.add(
    1,
    { asyncStorageWrites: true },
    snapshotAt(1, 1, members([1, 2, 3])),
  );
  const { node } = peer;
  const later = snapshotAt(9, 1, members([1, 4, 5]));
  node.step(message("MsgSnap", 2, 1, 1, { snapshot: later }));
  // An entry that was given out before is applied only now.
  const confState = node.applyConfChange({
    version: 2,
    transition: "auto",
    changes: changes("-3"),
    context: bytes(""),
  });
  assertEquals(confState, members([1, 2]), "as of that entry");
  assertEquals(describeMembers(node.status()), "(1 4 5)", "as of the log");
  peer.take();
  peer.persist();
  assertEquals(
    node.applyConfChange({ ...leaveJoint, changes: changes("+6") }),
    members([1, 4, 5, 6]),
  );
});

Deno.test("a membership is restored from the snapshot and the log behind it", () => {
  const network = led();
  network.change(1, "+4");
  network.propose(1, "x");
  network.stabilize(1, 2, 3);
  const { storage, membership } = network.peer(2);
  storage.createSnapshot(12, membership, bytes("[]"));
  storage.compact(11);
  network.start(2, storage);
  assertEquals(shown(network, 2), "(1 2 3 4)");
  assertEquals(network.node(2).status().applied, 12);
  network.process(2);
  assertEquals(shown(network, 2), "(1 2 3 4)");
  assertEquals(log([1], 13)[0]!.index, network.peer(2).applied);
});
