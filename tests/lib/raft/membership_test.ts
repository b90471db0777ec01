import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { leaveJoint } from "../../../lib/raft/conf_change.ts";
import {
  membersOf,
  nextMembership,
  noMembers,
  normalMembership,
} from "../../../lib/raft/membership.ts";
import type {
  ConfChangeTransition,
  ConfState,
} from "../../../lib/raft/types.ts";
import {
  bytes,
  changes,
  describeMembers,
  members,
} from "../../fixtures/raft_network.ts";

/** The membership after steps such as "+2 -3", or the rule that forbids them. */
function after(
  from: ConfState,
  steps: string,
  transition: ConfChangeTransition = "auto",
): string {
  const next = nextMembership(from, {
    version: 2,
    transition,
    changes: changes(steps),
    context: bytes(""),
  });
  return "rule" in next ? next.rule : describeMembers(next);
}

function leaving(from: ConfState): string {
  const next = nextMembership(from, leaveJoint);
  return "rule" in next ? next.rule : describeMembers(next);
}

const simple: readonly [
  name: string,
  from: ConfState,
  steps: string,
  to: string,
][] = [
  ["adds a voter", members([1]), "+2", "(1 2)"],
  ["adds a voter in its place", members([1, 10]), "+9", "(1 9 10)"],
  ["adds a voter that is one", members([1, 2]), "+2", "(1 2)"],
  ["removes a voter", members([1, 2]), "-2", "(1)"],
  ["removes who is not there", members([1, 2]), "-7", "(1 2)"],
  ["adds a learner", members([1]), "~2", "(1) learners=(2)"],
  ["adds a learner that is one", members([1], [2]), "~2", "(1) learners=(2)"],
  ["promotes a learner", members([1], [2]), "+2", "(1 2)"],
  ["demotes a voter", members([1, 2]), "~2", "(1) learners=(2)"],
  ["removes a learner", members([1], [2]), "-2", "(1)"],
  ["skips node 0", members([1]), "-0", "(1)"],
  ["starts from nothing", noMembers, "+1", "(1)"],
  [
    "refuses to remove the last voter",
    members([1]),
    "-1",
    "no voter would be left",
  ],
  [
    "refuses to demote the last voter",
    members([1], [2]),
    "~1",
    "no voter would be left",
  ],
  ["refuses learners alone", noMembers, "~1", "no voter would be left"],
];

for (const [name, from, steps, to] of simple) {
  Deno.test(`nextMembership() in one step ${name}`, () => {
    assertEquals(after(from, steps), to);
  });
}

const joint: readonly [
  name: string,
  from: ConfState,
  steps: string,
  to: string,
  end: string,
][] = [
  ["adds two", members([1]), "+2 +3", "(1 2 3)&&(1) autoleave", "(1 2 3)"],
  [
    "replaces one",
    members([1, 2, 3]),
    "-1 +4",
    "(2 3 4)&&(1 2 3) autoleave",
    "(2 3 4)",
  ],
  [
    "demotes one when it is left",
    members([1, 2, 3]),
    "~3 +4",
    "(1 2 4)&&(1 2 3) learnersNext=(3) autoleave",
    "(1 2 4) learners=(3)",
  ],
  [
    "promotes and demotes",
    members([1, 2], [3]),
    "+3 ~2",
    "(1 3)&&(1 2) learnersNext=(2) autoleave",
    "(1 3) learners=(2)",
  ],
  [
    "removes and adds the same",
    members([1, 2]),
    "-2 +2",
    "(1 2)&&(1 2) autoleave",
    "(1 2)",
  ],
  [
    "demotes and promotes the same",
    members([1, 2]),
    "~2 +2",
    "(1 2)&&(1 2) autoleave",
    "(1 2)",
  ],
  [
    "demotes and removes the same",
    members([1, 2]),
    "~2 -2",
    "(1)&&(1 2) autoleave",
    "(1)",
  ],
  [
    "replaces all",
    members([1, 2]),
    "+3 +4 -1 -2",
    "(3 4)&&(1 2) autoleave",
    "(3 4)",
  ],
  [
    "adds a learner at once",
    members([1, 2]),
    "~5 +3",
    "(1 2 3)&&(1 2) learners=(5) autoleave",
    "(1 2 3) learners=(5)",
  ],
];

for (const [name, from, steps, to, end] of joint) {
  Deno.test(`nextMembership() through a joint membership ${name}`, () => {
    assertEquals(after(from, steps), to);
    const next = nextMembership(from, {
      version: 2,
      transition: "auto",
      changes: changes(steps),
      context: bytes(""),
    });
    assert(!("rule" in next));
    assertEquals(leaving(next), end);
  });
}

Deno.test("nextMembership() stays joint until told when it is asked to", () => {
  assertEquals(after(members([1]), "+2", "jointExplicit"), "(1 2)&&(1)");
  assertEquals(
    after(members([1]), "+2", "jointImplicit"),
    "(1 2)&&(1) autoleave",
  );
});

Deno.test("nextMembership() takes the older kind of change", () => {
  const next = nextMembership(members([1]), {
    version: 1,
    change: { type: "addNode", nodeId: 2 },
    context: bytes(""),
  });
  assertEquals(next, members([1, 2]));
});

Deno.test("nextMembership() leaves the members alone when a node is updated", () => {
  const next = nextMembership(members([1, 2]), {
    version: 1,
    change: { type: "updateNode", nodeId: 2 },
    context: bytes(""),
  });
  assertEquals(next, members([1, 2]));
});

Deno.test("nextMembership() refuses to leave what is not joint", () => {
  assertEquals(leaving(members([1])), "the membership is not joint");
});

Deno.test("nextMembership() refuses a change while the membership is joint", () => {
  const from = { ...members([1, 2]), votersOutgoing: [1] };
  assertEquals(after(from, "+3"), "the joint membership must be left first");
  assertEquals(after(from, "+3 +4"), "the joint membership must be left first");
});

Deno.test("nextMembership() refuses to make nobody joint", () => {
  assertEquals(
    after(noMembers, "+1 +2"),
    "a membership without voters cannot become joint",
  );
});

Deno.test("nextMembership() leaves what it starts from as it is", () => {
  const from = members([1, 2, 3], [4]);
  after(from, "+5 -1 ~2");
  assertEquals(from, members([1, 2, 3], [4]));
});

Deno.test("membersOf() names all once, ascending", () => {
  const all = { ...members([10, 2], [7]), votersOutgoing: [2, 9] };
  assertEquals(membersOf(all), [2, 7, 9, 10]);
});

Deno.test("normalMembership() sorts and removes repetitions", () => {
  assertEquals(
    normalMembership(members([3, 1, 3], [9, 8])),
    members([1, 3], [8, 9]),
  );
});

const impossible: readonly [name: string, membership: ConfState][] = [
  ["a voter without an id", members([0, 1])],
  ["a learner with a broken id", members([1], [1.5])],
  ["a learner that votes", members([1], [1])],
  ["a learner that votes in the outgoing half", {
    ...members([1], [2]),
    votersOutgoing: [2],
  }],
  ["a coming learner that is no outgoing voter", {
    ...members([1]),
    learnersNext: [2],
  }],
  ["an automatic end of nothing", { ...members([1]), autoLeave: true }],
];

for (const [name, membership] of impossible) {
  Deno.test(`normalMembership() stops the node at ${name}`, () => {
    assertThrows(() => normalMembership(membership), InvariantViolation);
  });
}
