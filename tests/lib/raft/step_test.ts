/** The rules of terms, equal for all roles, and what time does. Section numbers: the Raft paper. */
import { assertEquals } from "@std/assert";
import type { Config, MessageType, Role } from "../../../lib/raft/types.ts";
import {
  bytes,
  log,
  members,
  message,
  type Peer,
  RaftNetwork,
  snapshotAt,
  storageWith,
} from "../../fixtures/raft_network.ts";

/** Node 1 of three in term 2, in the given role. */
function inRole(role: Role, given: Partial<Config> = {}): [RaftNetwork, Peer] {
  const network = new RaftNetwork();
  const pre = role === "preCandidate";
  const term = role === "follower" || pre ? 2 : 1;
  const peer = network.start(1, storageWith([1, 2, 3], log([1]), term), {
    preVote: pre,
    ...given,
  });
  if (role !== "follower") peer.node.campaign();
  if (role === "leader") {
    network.process(1);
    peer.node.step(message("MsgVoteResp", 2, 1, 2));
  }
  while (peer.node.hasReady()) network.process(1);
  network.said();
  network.drop();
  assertEquals(peer.node.status().role, role);
  assertEquals(peer.node.status().term, 2);
  return [network, peer];
}

const roles: readonly Role[] = [
  "follower",
  "preCandidate",
  "candidate",
  "leader",
];

for (const role of roles) {
  Deno.test(`step() makes a follower of a ${role} that sees a later term (5.1)`, () => {
    const [, { node }] = inRole(role);
    node.step(message("MsgApp", 2, 1, 5));
    const { role: now, term, lead, vote } = node.status();
    assertEquals({ now, term, lead, vote }, {
      now: "follower",
      term: 5,
      lead: 2,
      vote: 0,
    });
  });

  Deno.test(`step() changes nothing on a ${role} that sees an earlier term (5.1)`, () => {
    for (
      const type of [
        "MsgApp",
        "MsgVote",
        "MsgHeartbeat",
        "MsgSnap",
        "MsgAppResp",
        "MsgVoteResp",
        "MsgTimeoutNow",
      ] as const
    ) {
      const [network, { node }] = inRole(role);
      const before = node.status();
      const snapshot = type === "MsgSnap"
        ? snapshotAt(9, 1, members([1, 2, 3]))
        : undefined;
      node.step(message(type, 2, 1, 1, { snapshot, index: 1 }));
      assertEquals(node.status(), before);
      // With pre-vote an old leader is told the term; nobody else gets an answer.
      const told = role === "preCandidate" &&
        (type === "MsgApp" || type === "MsgHeartbeat");
      assertEquals(node.hasReady(), told, type);
      assertEquals(network.said(), []);
    }
  });
}

const leaders: readonly [type: MessageType, lead: number][] = [
  ["MsgApp", 2],
  ["MsgHeartbeat", 2],
  ["MsgSnap", 2],
  ["MsgAppResp", 0],
  ["MsgHeartbeatResp", 0],
  ["MsgVote", 0],
  ["MsgVoteResp", 0],
  ["MsgTimeoutNow", 0],
];

for (const [type, lead] of leaders) {
  Deno.test(`step() takes a later term from ${type}, and ${lead ? "its sender" : "nobody"} as leader`, () => {
    const [, { node }] = inRole("follower");
    const snapshot = type === "MsgSnap"
      ? snapshotAt(9, 1, members([1, 2, 3]))
      : undefined;
    node.step(message(type, 2, 1, 4, { snapshot, reject: true }));
    const { term, lead: now } = node.status();
    assertEquals(now, lead);
    // A follower told to run is a candidate of the next term at once.
    assertEquals(term, type === "MsgTimeoutNow" ? 5 : 4);
  });
}

Deno.test("step() takes no term from a pre-vote: that term may never come", () => {
  const [, { node }] = inRole("follower");
  node.step(message("MsgPreVote", 2, 1, 9, { index: 1, logTerm: 1 }));
  node.step(message("MsgPreVoteResp", 2, 1, 9));
  assertEquals(node.status().term, 2);
});

Deno.test("step() takes the term from a refused pre-vote: that one is real", () => {
  const [, { node }] = inRole("preCandidate");
  node.step(message("MsgPreVoteResp", 2, 1, 9, { reject: true }));
  assertEquals([node.status().term, node.status().role], [9, "follower"]);
});

Deno.test("step() tells the sender of an old pre-vote the term", () => {
  const [network, { node }] = inRole("follower");
  node.step(message("MsgPreVote", 2, 1, 1, { index: 9, logTerm: 9 }));
  network.process(1);
  assertEquals(network.said(), [
    "1->2 MsgPreVoteResp Term:2 Log:0/0 Rejected (Hint: 0)",
  ]);
});

for (const option of ["checkQuorum", "preVote"] as const) {
  for (const type of ["MsgApp", "MsgHeartbeat"] as const) {
    Deno.test(`step() with ${option} tells an old leader the term when it sends ${type}`, () => {
      const [network, { node }] = inRole("follower", { [option]: true });
      node.step(message(type, 3, 1, 1));
      network.process(1);
      assertEquals(network.said(), ["1->3 MsgAppResp Term:2 Log:0/0"]);
    });
  }
}

Deno.test("step() with checkQuorum frees a candidate that the others ignore", () => {
  const network = RaftNetwork.of([1, 2, 3], { checkQuorum: true });
  network.elect(1);
  network.tick(3, 6);
  network.stabilize(3);
  network.stabilize();
  assertEquals(network.node(1).status().term, 1, "the lease holds");
  assertEquals(network.node(3).status().role, "candidate");
  network.tick(1);
  network.stabilize();
  // The answer of the later term makes the leader step down; the next election frees all.
  assertEquals(network.node(1).status().role, "follower");
  const term = network.node(3).status().term;
  assertEquals(network.node(1).status().term, term);
});

Deno.test("step() refuses what contradicts itself, state untouched", () => {
  const [, { node }] = inRole("follower");
  const before = node.status();
  const entries = log([2], 7);
  assertEquals(node.step(message("MsgApp", 2, 1, 9, { entries })), "malformed");
  assertEquals(node.status(), before);
});

Deno.test("step() refuses a snapshot with members that cannot be", () => {
  const [, { node }] = inRole("follower");
  const before = node.status();
  const snapshot = snapshotAt(50, 1, members([1, 2], [2]));
  assertEquals(
    node.step(message("MsgSnap", 2, 1, 9, { snapshot })),
    "malformed",
  );
  assertEquals(node.status(), before);
});

Deno.test("step() refuses from the network what a node says only to itself", () => {
  const [, { node }] = inRole("candidate");
  assertEquals(node.step(message("MsgVoteResp", 1, 1, 2)), "malformed");
  assertEquals(node.status().role, "candidate");
});

Deno.test("step() refuses answers of who is no member", () => {
  const [, { node }] = inRole("candidate");
  for (
    const type of [
      "MsgVoteResp",
      "MsgAppResp",
      "MsgHeartbeatResp",
      "MsgReadIndexResp",
    ] as const
  ) {
    assertEquals(node.step(message(type, 7, 1, 2)), "unknownPeer");
  }
  assertEquals(node.status().role, "candidate");
});

Deno.test("tick() makes a follower run after the drawn time without a leader (5.2)", () => {
  const [network, { node }] = inRole("follower");
  node.setRandomizedElectionTimeout(4);
  network.tick(1, 3);
  assertEquals(node.status().role, "follower");
  network.tick(1);
  assertEquals([node.status().role, node.status().term], ["candidate", 3]);
});

Deno.test("tick() makes a candidate run again after the drawn time (5.2)", () => {
  const [network, { node }] = inRole("candidate");
  node.setRandomizedElectionTimeout(4);
  network.tick(1, 4);
  assertEquals([node.status().role, node.status().term], ["candidate", 3]);
});

for (const type of ["MsgApp", "MsgHeartbeat", "MsgSnap"] as const) {
  Deno.test(`tick() starts its count again when the leader sends ${type} (5.2)`, () => {
    const [network, { node }] = inRole("follower");
    node.step(message("MsgHeartbeat", 2, 1, 2));
    node.setRandomizedElectionTimeout(4);
    network.tick(1, 3);
    node.step(message(type, 2, 1, 2, {
      snapshot: type === "MsgSnap" ? snapshotAt(1, 1, members([1])) : undefined,
    }));
    network.tick(1, 3);
    assertEquals(node.status().role, "follower");
  });
}

Deno.test("tick() starts its count again when a vote is given, not when it is refused (5.2)", () => {
  for (const [index, role] of [[1, "follower"], [0, "candidate"]] as const) {
    const [network, { node }] = inRole("follower");
    node.setRandomizedElectionTimeout(4);
    network.tick(1, 3);
    node.step(message("MsgVote", 2, 1, 2, { index, logTerm: index }));
    network.tick(1);
    assertEquals(node.status().role, role);
  }
});

Deno.test("tick() never makes a learner run, nor who is no member", () => {
  for (const members of [[2, 3], []]) {
    const network = new RaftNetwork();
    const { node } = network.start(1, storageWith(members));
    network.tick(1, 100);
    assertEquals([node.status().role, node.status().term], ["follower", 0]);
  }
});

Deno.test("tick() makes a leader send heartbeats to all, ascending (5.2)", () => {
  const [network, { node }] = inRole("leader", { heartbeatTicks: 2 });
  node.tick();
  assertEquals(node.hasReady(), false);
  node.tick();
  network.process(1);
  assertEquals(network.said(), [
    "1->2 MsgHeartbeat Term:2 Log:0/0",
    "1->3 MsgHeartbeat Term:2 Log:0/0",
  ]);
});

Deno.test("tick() draws election timeouts from [T, 2T), all of them (5.2)", () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 100; seed++) {
    const network = new RaftNetwork();
    const { node } = network.start(1, storageWith([1, 2]), {
      electionTicks: 10,
      random: () => seed / 100,
    });
    let ticks = 0;
    for (; node.status().role === "follower"; ticks++) node.tick();
    seen.add(ticks);
  }
  assertEquals(
    [...seen].sort((one, other) => one - other),
    Array.from({ length: 10 }, (_, at) => 10 + at),
  );
});

Deno.test("tick() with checkQuorum makes a leader step down that hears from no quorum", () => {
  const network = RaftNetwork.of([1, 2, 3], { checkQuorum: true });
  network.elect(1);
  network.tick(1, 3);
  assertEquals(network.node(1).status().role, "leader", "they were heard from");
  network.tick(1, 3);
  const { role, term, lead, vote } = network.node(1).status();
  assertEquals({ role, term, lead, vote }, {
    role: "follower",
    term: 1,
    lead: 0,
    vote: 1,
  });
});

Deno.test("tick() with checkQuorum keeps a leader that one of two others answers", () => {
  const network = RaftNetwork.of([1, 2, 3], { checkQuorum: true });
  network.elect(1);
  for (let at = 0; at < 20; at++) {
    network.tick(1);
    network.stabilize(1, 2);
    network.drop(3);
  }
  assertEquals(network.node(1).status().role, "leader");
});

Deno.test("tick() without checkQuorum keeps a leader that nobody answers", () => {
  const network = RaftNetwork.of([1, 2, 3]);
  network.elect(1);
  network.tick(1, 100);
  assertEquals(network.node(1).status().role, "leader");
});

for (const type of ["MsgVote", "MsgPreVote"] as const) {
  Deno.test(`step() with checkQuorum ignores ${type}, term and all, while the leader is heard from`, () => {
    const [network, { node }] = inRole("follower", { checkQuorum: true });
    node.step(message("MsgHeartbeat", 2, 1, 2));
    network.process(1);
    network.said();
    node.step(message(type, 3, 1, 9, { index: 9, logTerm: 9 }));
    assertEquals([node.hasReady(), node.status().term], [false, 2]);
  });

  Deno.test(`step() with checkQuorum answers ${type} once the lease is over`, () => {
    const [network, { node }] = inRole("follower", { checkQuorum: true });
    node.step(message("MsgHeartbeat", 2, 1, 2));
    network.process(1);
    node.setRandomizedElectionTimeout(9);
    network.tick(1, 3);
    network.said();
    node.step(message(type, 3, 1, 9, { index: 9, logTerm: 9 }));
    network.process(1);
    assertEquals(network.said(), [`1->3 ${type}Resp Term:9 Log:0/0`]);
  });
}

Deno.test("step() with checkQuorum lets a leadership transfer override the lease", () => {
  const [network, { node }] = inRole("follower", { checkQuorum: true });
  node.step(message("MsgHeartbeat", 2, 1, 2));
  network.process(1);
  network.said();
  node.step(message("MsgVote", 3, 1, 9, {
    index: 9,
    logTerm: 9,
    context: bytes("CampaignTransfer"),
  }));
  network.process(1);
  assertEquals(network.said(), ["1->3 MsgVoteResp Term:9 Log:0/0"]);
});
