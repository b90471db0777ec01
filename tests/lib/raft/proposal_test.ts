/** What enters the leader's log, and what does not. */
import { assertEquals } from "@std/assert";
import { encodeConfChange, leaveJoint } from "../../../lib/raft/conf_change.ts";
import {
  bytes,
  changes,
  describeMembers,
  entry,
  message,
  RaftNetwork,
} from "../../fixtures/raft_network.ts";

function appended(network: RaftNetwork): string[] {
  network.process(1);
  return network.said().filter((said) => said.startsWith("1->2 MsgApp"));
}

Deno.test("propose() appends all of one call as one, in order (5.3)", () => {
  const network = RaftNetwork.led();
  assertEquals(network.node(1).propose([bytes("a"), bytes("b")]), undefined);
  assertEquals(appended(network), [
    '1->2 MsgApp Term:1 Log:1/11 Commit:11 Entries:[1/12 "a", 1/13 "b"]',
  ]);
});

Deno.test("propose() of nothing does nothing", () => {
  const network = RaftNetwork.led();
  assertEquals(network.node(1).propose([]), undefined);
  assertEquals(network.node(1).hasReady(), false);
});

Deno.test("propose() keeps no buffer of the caller", () => {
  const network = RaftNetwork.led();
  const data = bytes("abc");
  network.node(1).propose([data]);
  data.fill(0);
  network.stabilize();
  assertEquals([1, 2, 3].map((id) => network.peer(id).state[0]), [
    "abc",
    "abc",
    "abc",
  ]);
});

Deno.test("propose() on a follower reaches the leader", () => {
  const network = RaftNetwork.led();
  network.propose(2, "a");
  network.stabilize();
  assertEquals(network.peer(3).state, ["a"]);
});

Deno.test("propose() is refused while the leader hands over", () => {
  const network = RaftNetwork.led();
  network.propose(1, "a");
  network.node(1).transferLeader(2);
  assertEquals(network.node(1).propose([bytes("b")]), "transferring");
});

Deno.test("propose() is refused by a leader that is no member any more", () => {
  const network = RaftNetwork.led();
  network.change(1, "-1");
  network.stabilize();
  assertEquals(network.node(1).status().role, "leader");
  assertEquals(network.node(1).propose([bytes("a")]), "notMember");
});

Deno.test("propose() is refused once too many bytes wait to be applied", () => {
  const network = RaftNetwork.led({ maxUncommittedBytes: 10 });
  assertEquals(network.node(1).propose([new Uint8Array(6)]), undefined);
  assertEquals(network.node(1).propose([new Uint8Array(5)]), "uncommittedFull");
  assertEquals(network.node(1).propose([new Uint8Array(4)]), undefined);
  assertEquals(network.node(1).propose([new Uint8Array(1)]), "uncommittedFull");
  assertEquals(
    network.node(1).propose([new Uint8Array(0)]),
    undefined,
    "costs nothing",
  );
  network.stabilize();
  assertEquals(network.node(1).propose([new Uint8Array(10)]), undefined);
});

Deno.test("propose() takes one proposal whatever its size when none waits", () => {
  const network = RaftNetwork.led({ maxUncommittedBytes: 10 });
  assertEquals(network.node(1).propose([new Uint8Array(50)]), undefined);
  assertEquals(network.node(1).propose([new Uint8Array(1)]), "uncommittedFull");
});

Deno.test("propose() takes all of one call or none", () => {
  const network = RaftNetwork.led({ maxUncommittedBytes: 10 });
  network.node(1).propose([new Uint8Array(5)]);
  const two = [new Uint8Array(3), new Uint8Array(3)];
  assertEquals(network.node(1).propose(two), "uncommittedFull");
  network.process(1);
  assertEquals(network.peer(1).storage.lastIndex(), 12);
});

Deno.test("proposeConfChange() puts an empty entry in the place of a refused change", () => {
  const network = RaftNetwork.led();
  assertEquals(network.change(1, "+4"), undefined);
  assertEquals(network.change(1, "+5"), "confChangeRefused");
  assertEquals(appended(network), [
    "1->2 MsgApp Term:1 Log:1/11 Commit:11 Entries:[1/12 change(+4)]",
    '1->2 MsgApp Term:1 Log:1/12 Commit:11 Entries:[1/13 ""]',
  ]);
});

Deno.test("proposeConfChange() takes one change of several that come as one", () => {
  const network = RaftNetwork.led();
  const change = (steps: string) => {
    const { type, data } = encodeConfChange({
      ...leaveJoint,
      changes: changes(steps),
    });
    return { ...entry(0, 0, "", type), data };
  };
  network.node(1).step(message("MsgProp", 2, 1, 0, {
    entries: [entry(0, 0, "x"), change("+4"), change("+5"), entry(0, 0, "y")],
  }));
  assertEquals(appended(network), [
    "1->2 MsgApp Term:1 Log:1/11 Commit:11 " +
    'Entries:[1/12 "x", 1/13 change(+4), 1/14 "", 1/15 "y"]',
  ]);
});

Deno.test("proposeConfChange() takes the next change once the last is applied", () => {
  const network = RaftNetwork.led();
  network.change(1, "+4");
  network.stabilize(1, 2, 3);
  assertEquals(network.change(1, "+5"), undefined);
});

const refused: readonly [
  name: string,
  steps: string,
  transition: "auto" | "jointExplicit",
][] = [
  ["leaves no voter", "-1 -2 -3", "auto"],
  ["leaves what is not joint", "", "auto"],
];

for (const [name, steps, transition] of refused) {
  Deno.test(`proposeConfChange() refuses a change that ${name}`, () => {
    const network = RaftNetwork.led();
    assertEquals(network.change(1, steps, transition), "confChangeRefused");
    network.stabilize();
    assertEquals(describeMembers(network.node(3).status()), "(1 2 3)");
  });
}

Deno.test("proposeConfChange() refuses all but leaving while the membership is joint", () => {
  const network = RaftNetwork.led();
  network.change(1, "-3", "jointExplicit");
  network.stabilize();
  assertEquals(describeMembers(network.node(1).status()), "(1 2)&&(1 2 3)");
  assertEquals(network.change(1, "+4"), "confChangeRefused");
  assertEquals(network.change(1, ""), undefined);
  assertEquals(network.change(1, ""), "confChangeRefused", "one is pending");
  network.stabilize();
  assertEquals(describeMembers(network.node(1).status()), "(1 2)");
});

Deno.test("proposeConfChange() is refused once too many bytes wait, and is not pending then", () => {
  const network = RaftNetwork.led({ maxUncommittedBytes: 10 });
  network.propose(1, "0123456789");
  assertEquals(network.change(1, "+4"), "uncommittedFull");
  network.stabilize();
  assertEquals(network.change(1, "+4"), undefined);
});

Deno.test("proposeConfChange() refuses a change that cannot be read", () => {
  const network = RaftNetwork.led();
  const entries = [entry(0, 0, "garbage", "confChangeV2")];
  assertEquals(
    network.node(1).step(message("MsgProp", 2, 1, 0, { entries })),
    "confChangeRefused",
  );
  assertEquals(appended(network), [
    '1->2 MsgApp Term:1 Log:1/11 Commit:11 Entries:[1/12 ""]',
  ]);
});

Deno.test("proposeConfChange() takes the older kind as such", () => {
  const network = RaftNetwork.led();
  const refusal = network.node(1).proposeConfChange({
    version: 1,
    change: { type: "addNode", nodeId: 4 },
    context: bytes(""),
  });
  assertEquals(refusal, undefined);
  const { entries } = network.process(1);
  assertEquals(entries[0]?.type, "confChange");
  network.stabilize(1, 2, 3);
  assertEquals(describeMembers(network.node(2).status()), "(1 2 3 4)");
});
