import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  asV2,
  decodeConfChange,
  encodeConfChange,
  entersJoint,
  leaveJoint,
  leavesJoint,
} from "../../../lib/raft/conf_change.ts";
import type { ConfChange, EntryType } from "../../../lib/raft/types.ts";
import { bytes, changes } from "../../fixtures/raft_network.ts";

function decoded(type: EntryType, data: Uint8Array): ConfChange | undefined {
  return decodeConfChange({ term: 1, index: 1, type, data });
}

const v1: ConfChange = {
  version: 1,
  change: { type: "addLearner", nodeId: 2 ** 53 - 1 },
  context: bytes("why"),
};

const all: readonly (readonly [name: string, change: ConfChange])[] = [
  ["a single change of the first kind", v1],
  ["leaving a joint membership", leaveJoint],
  ["leaving with a context", { ...leaveJoint, context: bytes("x") }],
  ...(["auto", "jointImplicit", "jointExplicit"] as const).map((transition) =>
    [`several changes, ${transition}`, {
      version: 2,
      transition,
      changes: changes("+1 -2 ~3"),
      context: bytes(""),
    }] as const
  ),
];

for (const [name, change] of all) {
  Deno.test(`decodeConfChange() gives back ${name}`, () => {
    const { type, data } = encodeConfChange(change);
    assertEquals(decoded(type, data), change);
  });
}

Deno.test("encodeConfChange() of leaving is empty, so that it always fits", () => {
  assertEquals(encodeConfChange(leaveJoint).data.length, 0);
});

Deno.test("decodeConfChange() of a normal entry is undefined", () => {
  assertEquals(decoded("normal", encodeConfChange(v1).data), undefined);
});

Deno.test("decodeConfChange() reads from within a larger buffer", () => {
  const { type, data } = encodeConfChange(v1);
  const frame = new Uint8Array(data.length + 10);
  frame.set(data, 5);
  assertEquals(decoded(type, frame.subarray(5, 5 + data.length)), v1);
});

Deno.test("decodeConfChange() of a data cut anywhere before the context is undefined", () => {
  const { type, data } = encodeConfChange(v1);
  for (let end = 0; end < data.length - 3; end++) {
    assertEquals(decoded(type, data.slice(0, end)), undefined, `${end}`);
  }
});

const broken: readonly [name: string, at: number, value: number][] = [
  ["of a later format", 0, 2],
  ["with an unknown transition", 1, 3],
  ["with a number of changes that are not there", 3, 9],
  ["of the first kind with no change", 3, 0],
  ["with an unknown change", 4, 4],
  ["with a node id that is not an integer", 11, 1],
  ["with a negative node id", 5, 0xff],
];

for (const [name, at, value] of broken) {
  Deno.test(`decodeConfChange() of data ${name} is undefined`, () => {
    const { type, data } = encodeConfChange({
      ...v1,
      change: { type: "addNode", nodeId: 3 },
      context: bytes(""),
    });
    data[at] = value;
    assertEquals(decoded(type, data), undefined);
  });
}

Deno.test("decodeConfChange() of the first kind with two changes is undefined", () => {
  const { data } = encodeConfChange({ ...asV2(v1), changes: changes("+1 +2") });
  assertEquals(decoded("confChange", data), undefined);
});

Deno.test("entersJoint() is asked for, or needed by more than one change", () => {
  const change = asV2({ ...v1, change: changes("+1")[0]! });
  assertFalse(entersJoint(v1));
  assertFalse(entersJoint(change));
  assert(entersJoint({ ...change, transition: "jointImplicit" }));
  assert(entersJoint({ ...change, transition: "jointExplicit" }));
  assert(entersJoint({ ...change, changes: changes("+1 +2") }));
});

Deno.test("leavesJoint() is only the automatic change without steps", () => {
  assert(leavesJoint(leaveJoint));
  assertFalse(leavesJoint({ ...leaveJoint, transition: "jointExplicit" }));
  assertFalse(leavesJoint({ ...leaveJoint, changes: changes("+1") }));
  assertFalse(leavesJoint(v1));
});
