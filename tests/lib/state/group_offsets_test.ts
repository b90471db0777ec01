import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { CommitGroupOffsets } from "../../../proto/messages/state.ts";
import { Machine, serviceNamed } from "../../fixtures/machine.ts";

const sources = [{ sourceId: "a", partitions: [0, 1], offsets: [5n, 6n] }];

function commit(more: MessageInit<CommitGroupOffsets> = {}) {
  return { commitGroupOffsets: { groupId: "g", sources, ...more } };
}

function withMember(): Machine {
  const machine = new Machine();
  machine.run({ registerService: { service: serviceNamed("s") } });
  machine.run({ joinGroup: { serviceId: "s", groupId: "g" } });
  return machine;
}

Deno.test("GroupOffsets.commit() raises the offsets of that group only", () => {
  const machine = new Machine();
  const { events } = machine.run(commit());
  assertEquals(events, [{
    kind: "groupOffsetsCommitted",
    groupId: "g",
    sourceId: "a",
    partitions: [0, 1],
  }]);
  machine.run(commit({
    groupId: "g/",
    sources: [{ sourceId: "b", partitions: [0], offsets: [1n] }],
  }));
  const { answer } = machine.run(commit({
    sources: [
      { sourceId: "a", partitions: [0, 1], offsets: [4n, 7n] },
      { sourceId: "0", partitions: [0], offsets: [0n] },
    ],
  }));
  assertEquals(answer.offsets, { lower: [0], fenced: [] });
  const { groupOffsets } = machine.state;
  assertEquals([...groupOffsets.list("g").keys()], ["0", "a"]);
  assertEquals(
    groupOffsets.listOf("g", "a").map(({ offset }) => offset),
    [5n, 7n],
  );
  assertEquals([...groupOffsets.list("g/").keys()], ["b"]);
  assertEquals(groupOffsets.list("other").size, 0);
  assertEquals(groupOffsets.size, 4);
});

Deno.test("GroupOffsets.commit() takes from members only the present generation", () => {
  const machine = withMember();
  const { generation } = machine.state.groups.get("g")!;
  machine.run(commit({ memberId: "s", generation }));
  const refused = (more: MessageInit<CommitGroupOffsets>) => {
    const { code, field } = machine.refused(commit(more));
    assertEquals(code, Code.FailedPrecondition);
    return field;
  };
  assertEquals(refused({ memberId: "s", generation: 1 }), "generation");
  assertEquals(refused({ memberId: "s" }), "generation");
  assertEquals(refused({ generation: generation + 1 }), "generation");
  assertEquals(refused({ memberId: "other", generation }), "member_id");
  machine.run({ registerService: { service: serviceNamed("t") } });
  machine.run({ joinGroup: { serviceId: "t", groupId: "g" } });
  assertEquals(refused({ memberId: "s", generation }), "generation");
});

Deno.test("GroupOffsets.commit() knows no member of a group that there is not", () => {
  const machine = withMember();
  const { generation } = machine.state.groups.get("g")!;
  for (const more of [{ memberId: "s" }, { generation }]) {
    const { code, field, found } = machine.refused(
      commit({ groupId: "none", ...more }),
    );
    assertEquals([code, field], [Code.NotFound, "group_id"]);
    assertEquals(found, '"none"');
  }
  machine.run({ leaveGroup: { serviceId: "s", groupId: "g" } });
  const { code } = machine.refused(commit({ memberId: "s", generation }));
  assertEquals(code, Code.NotFound);
  machine.run(commit({ groupId: "none" }));
});

Deno.test("GroupOffsets.commit() refuses what is malformed", () => {
  const machine = new Machine();
  assertEquals(machine.refused(commit({ groupId: "" })).field, "group_id");
  const bad = [{ sourceId: "a", partitions: [0], offsets: [] }];
  assertEquals(machine.refused(commit({ sources: bad })).field, "offsets");
});

Deno.test("GroupOffsets.commit() takes nothing more from a member whose registration was replaced", () => {
  const machine = withMember();
  const { generation } = machine.state.groups.get("g")!;
  const service = serviceNamed("s", { registrationId: "newer" });
  machine.run({ registerService: { service } });
  const { code, field } = machine.refused(
    commit({ memberId: "s", generation }),
  );
  assertEquals([code, field], [Code.FailedPrecondition, "generation"]);
});
