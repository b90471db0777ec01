/** Elections: who may run, and whom a node votes for. Section numbers: the Raft paper. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import type { Config } from "../../../lib/raft/types.ts";
import {
  bytes,
  log,
  members,
  message,
  RaftNetwork,
  snapshotAt,
  storageWith,
} from "../../fixtures/raft_network.ts";

Deno.test("campaign() takes a new term, votes for itself and asks all others (5.2)", () => {
  const network = new RaftNetwork();
  const { node } = network.start(1, storageWith([1, 2, 3], log([1, 2])));
  assertEquals(node.campaign(), undefined);
  const { role, term, vote, lead } = node.status();
  assertEquals({ role, term, vote, lead }, {
    role: "candidate",
    term: 3,
    vote: 1,
    lead: 0,
  });
  network.process(1);
  assertEquals(network.said(), [
    "1->2 MsgVote Term:3 Log:2/2",
    "1->3 MsgVote Term:3 Log:2/2",
  ]);
});

Deno.test("campaign() asks the voters of both halves, ascending, and no learner", () => {
  const network = new RaftNetwork();
  const confState = { ...members([1, 10], [5]), votersOutgoing: [1, 3] };
  network.add(1, {}, snapshotAt(1, 1, confState));
  network.node(1).campaign();
  network.process(1);
  assertEquals(network.said(), [
    "1->3 MsgVote Term:1 Log:1/1",
    "1->10 MsgVote Term:1 Log:1/1",
  ]);
});

Deno.test("campaign() with preVote asks before it takes the term", () => {
  const network = RaftNetwork.of([1, 2, 3], { preVote: true });
  network.node(1).campaign();
  const { role, term, vote } = network.node(1).status();
  assertEquals({ role, term, vote }, {
    role: "preCandidate",
    term: 0,
    vote: 0,
  });
  const ready = network.process(1);
  assertEquals(ready.hardState, undefined, "nothing to remember");
  assertEquals(network.said(), [
    "1->2 MsgPreVote Term:1 Log:1/10",
    "1->3 MsgPreVote Term:1 Log:1/10",
  ]);
});

Deno.test("campaign() of a single voter is won as soon as its vote is durable", () => {
  const network = RaftNetwork.of([1]);
  network.node(1).campaign();
  assertEquals(network.node(1).status().role, "candidate");
  network.process(1);
  assertEquals(network.node(1).status().role, "leader");
  network.stabilize();
  assertEquals(network.node(1).status().commit, 11);
});

Deno.test("campaign() of a single voter with preVote is won too", () => {
  const network = RaftNetwork.of([1], { preVote: true });
  network.node(1).campaign();
  network.stabilize();
  assertEquals(network.node(1).status().role, "leader");
});

Deno.test("campaign() is refused on a leader, a learner and who is no member", () => {
  const network = RaftNetwork.of([1], {}, { learners: [2] });
  network.add(3);
  network.elect(1);
  for (const id of [1, 2, 3]) {
    assertEquals(network.node(id).campaign(), "cannotCampaign");
  }
  assertEquals(network.node(2).status().role, "follower");
});

Deno.test("campaign() is refused while a snapshot is being installed", () => {
  const network = new RaftNetwork();
  const { node } = network.start(1, storageWith([1, 2]));
  const snapshot = snapshotAt(9, 1, members([1, 2]));
  node.step(message("MsgSnap", 2, 1, 1, { snapshot }));
  assertEquals(node.campaign(), "cannotCampaign");
  network.process(1);
  assertEquals(node.campaign(), undefined);
});

Deno.test("campaign() is refused while a committed membership change is not applied", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  network.elect(1);
  network.change(1, "+4");
  network.process(1);
  network.deliver(2);
  network.process(2);
  network.stabilize(1);
  network.deliver(2);
  assertEquals(network.node(2).status().commit, 12);
  assertEquals(network.node(2).campaign(), "cannotCampaign");
  network.stabilize(2);
  assertEquals(network.node(2).campaign(), undefined);
});

Deno.test("campaign() looks for changes in a committed part that takes several reads", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  network.elect(1);
  for (let at = 0; at < 3; at++) {
    network.node(1).propose([new Uint8Array(1 << 20)]);
  }
  network.change(1, "+4");
  network.process(1);
  network.deliver(2);
  network.process(2);
  network.stabilize(1);
  network.deliver(2);
  assertEquals(network.node(2).campaign(), "cannotCampaign");
});

const votes: readonly [
  name: string,
  vote: number,
  lead: boolean,
  index: number,
  term: number,
  granted: boolean,
][] = [
  ["given to the first that asks", 0, false, 2, 2, true],
  ["given again to who has it", 2, false, 2, 2, true],
  ["given again to who has it and leads", 2, true, 2, 2, true],
  ["refused when another has it", 3, false, 9, 9, false],
  ["refused when somebody leads the term", 0, true, 9, 9, false],
  ["given to a longer log of the same term (5.4.1)", 0, false, 3, 2, true],
  ["given to a shorter log of a later term (5.4.1)", 0, false, 1, 3, true],
  ["refused to a shorter log of the same term (5.4.1)", 0, false, 1, 2, false],
  ["refused to a longer log of an earlier term (5.4.1)", 0, false, 9, 1, false],
];

for (const [name, vote, lead, index, logTerm, granted] of votes) {
  Deno.test(`a vote is ${name}`, () => {
    const network = new RaftNetwork();
    const storage = storageWith([1, 2, 3], log([1, 2]));
    storage.setHardState({ term: 5, vote, commit: 0 });
    const { node } = network.start(1, storage);
    if (lead) node.step(message("MsgHeartbeat", 2, 1, 5));
    if (node.hasReady()) network.process(1);
    network.said();
    node.step(message("MsgVote", 2, 1, 5, { index, logTerm }));
    network.process(1);
    assertEquals(network.said(), [
      `1->2 MsgVoteResp Term:5 Log:0/0${granted ? "" : " Rejected (Hint: 0)"}`,
    ]);
    assertEquals(node.status().vote, granted ? 2 : vote);
  });
}

Deno.test("a vote of a learner counts: it may not know that it was promoted", () => {
  const network = new RaftNetwork();
  network.add(3, {}, snapshotAt(10, 1, members([1, 2], [3])));
  network.node(3).step(message("MsgVote", 2, 3, 2, { index: 11, logTerm: 1 }));
  network.process(3);
  assertEquals(network.said(), ["3->2 MsgVoteResp Term:2 Log:0/0"]);
});

Deno.test("a pre-vote is given to several, for a term to come, and costs no vote", () => {
  const network = RaftNetwork.of([1, 2, 3], { preVote: true });
  for (const id of [2, 3]) {
    network.node(1).step(
      message("MsgPreVote", id, 1, 4, { index: 10, logTerm: 1 }),
    );
  }
  const ready = network.process(1);
  assertEquals(ready.hardState, undefined);
  assertEquals(network.said(), [
    "1->2 MsgPreVoteResp Term:4 Log:0/0",
    "1->3 MsgPreVoteResp Term:4 Log:0/0",
  ]);
});

Deno.test("a pre-vote is refused to a log that is behind, with the own term", () => {
  const network = RaftNetwork.of([1, 2, 3], { preVote: true });
  network.node(1).step(
    message("MsgPreVote", 2, 1, 4, { index: 9, logTerm: 1 }),
  );
  network.process(1);
  assertEquals(network.said(), [
    "1->2 MsgPreVoteResp Term:0 Log:0/0 Rejected (Hint: 0)",
  ]);
});

/** Groups as [size, voters that say yes, voters that say no, role afterwards] (5.2). */
const rounds: readonly [size: number, yes: number, no: number, role: string][] =
  [
    [1, 0, 0, "leader"],
    [2, 0, 0, "candidate"],
    [3, 1, 0, "leader"],
    [3, 1, 1, "leader"],
    [3, 0, 1, "candidate"],
    [3, 0, 2, "follower"],
    [5, 1, 0, "candidate"],
    [5, 2, 0, "leader"],
    [5, 2, 2, "leader"],
    [5, 1, 2, "candidate"],
    [5, 1, 3, "follower"],
  ];

for (const [size, yes, no, role] of rounds) {
  Deno.test(`a candidate of ${size} with ${yes} for and ${no} against it is ${role} in one round (5.2)`, () => {
    const voters = Array.from({ length: size }, (_, at) => at + 1);
    const network = new RaftNetwork();
    const { node } = network.start(1, storageWith(voters));
    node.campaign();
    network.process(1);
    for (let id = 2; id < 2 + yes + no; id++) {
      node.step(message("MsgVoteResp", id, 1, 1, { reject: id >= 2 + yes }));
    }
    assertEquals(node.status().role, role);
    assertEquals(node.status().term, 1);
  });
}

Deno.test("a vote counts once, however often it arrives (5.2)", () => {
  const network = new RaftNetwork();
  const { node } = network.start(1, storageWith([1, 2, 3, 4, 5]));
  node.campaign();
  network.process(1);
  for (let at = 0; at < 5; at++) node.step(message("MsgVoteResp", 2, 1, 1));
  assertEquals(node.status().role, "candidate");
});

Deno.test("a joint election needs both halves", () => {
  const network = new RaftNetwork();
  const confState = { ...members([1, 2, 3]), votersOutgoing: [1, 4, 5] };
  network.add(1, {}, snapshotAt(1, 1, confState));
  const { node } = network.peer(1);
  node.campaign();
  network.process(1);
  node.step(message("MsgVoteResp", 2, 1, 1));
  node.step(message("MsgVoteResp", 3, 1, 1));
  assertEquals(node.status().role, "candidate");
  node.step(message("MsgVoteResp", 5, 1, 1));
  assertEquals(node.status().role, "leader");
});

Deno.test("a split vote ends when one runs first (5.2)", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  network.node(1).campaign();
  network.node(3).campaign();
  network.process(1);
  network.process(3);
  network.drop(2);
  network.stabilize();
  assertEquals([1, 3].map((id) => network.node(id).status().role), [
    "candidate",
    "candidate",
  ]);
  network.elect(3);
  assertEquals([1, 2].map((id) => network.node(id).status().lead), [3, 3]);
  assertEquals(network.node(3).status().term, 2);
});

for (
  const given of [{}, { preVote: true }, { checkQuorum: true }, {
    preVote: true,
    checkQuorum: true,
  }] as Partial<Config>[]
) {
  const options = Object.keys(given).join(" and ") || "neither option";
  Deno.test(`leaders follow each other, terms rise, with ${options}`, () => {
    const network = RaftNetwork.of([1, 2, 3], given);
    for (const [at, id] of [1, 2, 3, 1].entries()) {
      // The others must have lost sight of the old leader.
      for (const other of [1, 2, 3]) {
        network.node(other).setRandomizedElectionTimeout(99);
        network.tick(other, 6);
        if (network.node(other).hasReady()) network.process(other);
      }
      network.drop();
      network.elect(id);
      assertEquals(network.node(id).status().term, at + 1);
      assertEquals([1, 2, 3].map((one) => network.node(one).status().lead), [
        id,
        id,
        id,
      ]);
    }
  });
}

Deno.test("a pre-candidate that the others cannot follow never raises the term", () => {
  const network = RaftNetwork.of([1, 2, 3], {
    preVote: true,
    checkQuorum: true,
  });
  network.elect(1);
  for (let at = 0; at < 50; at++) {
    network.tick(3);
    network.stabilize(3);
    network.drop();
  }
  assertEquals(network.node(3).status().role, "preCandidate");
  assertEquals(network.node(3).status().term, 1);
  network.tick(1);
  network.stabilize();
  assertEquals(network.node(1).status().role, "leader");
  assertEquals(network.node(3).status().lead, 1);
});

Deno.test("a pre-candidate whose log is behind loses and follows again", () => {
  const network = RaftNetwork.of([1, 2, 3], { preVote: true });
  network.elect(1);
  network.propose(1, "a");
  network.stabilize(1, 2);
  network.drop();
  network.node(3).campaign();
  network.stabilize();
  assertEquals(network.node(3).status().role, "follower");
  assertEquals(network.node(3).status().term, 1);
});

Deno.test("forgetLeader() frees a follower's pre-vote, and only a follower's", () => {
  const network = RaftNetwork.of([1, 2, 3], {
    preVote: true,
    checkQuorum: true,
  });
  network.elect(1);
  network.node(1).forgetLeader();
  assertEquals(network.node(1).status().lead, 1);
  network.node(2).forgetLeader();
  assertEquals(network.node(2).status().lead, 0);
  network.node(3).campaign();
  network.stabilize(2, 3);
  assert(network.node(3).status().role === "leader");
  assertFalse(network.node(2).status().lead === 1);
});

Deno.test("MsgTimeoutNow makes a follower run at once, without pre-vote", () => {
  const network = RaftNetwork.of([1, 2, 3], { preVote: true });
  network.node(2).step(message("MsgTimeoutNow", 1, 2, 1));
  network.process(2);
  assertEquals(network.said(), [
    "2->1 MsgVote Term:2 Log:1/10",
    "2->3 MsgVote Term:2 Log:1/10",
  ]);
  assertEquals(network.queue[0]!.context, bytes("CampaignTransfer"));
});
