import { assertEquals } from "@std/assert";
import { Members } from "../../../lib/consensus/members.ts";
import { Code } from "../../../lib/errors.ts";
import type { ConfChange, ConfChangeSingle } from "../../../lib/raft/types.ts";

function change(...changes: ConfChangeSingle[]): ConfChange {
  return {
    version: 2,
    transition: "auto",
    changes,
    context: new Uint8Array(0),
  };
}

function two(): Members {
  return new Members([
    { id: 2, address: "http://b:1", removed: false },
    { id: 1, address: "http://a:1", removed: false },
  ]);
}

Deno.test("Members.list() is ascending by id", () => {
  assertEquals(two().list().map(({ id }) => id), [1, 2]);
});

Deno.test("Members.apply() adds a node with its address and keeps it at its promotion", () => {
  const members = two();
  members.apply(change({ type: "addLearner", nodeId: 3 }), "http://c:1");
  members.apply(change({ type: "addNode", nodeId: 3 }), "");
  assertEquals(members.get(3), {
    id: 3,
    address: "http://c:1",
    removed: false,
  });
});

Deno.test("Members.apply() keeps the address of a removed node and gives its id up", () => {
  const members = two();
  members.apply(change({ type: "removeNode", nodeId: 2 }), "");
  assertEquals(members.get(2), { id: 2, address: "http://b:1", removed: true });
  const refusal = members.refusal(
    change({ type: "addNode", nodeId: 2 }),
    "http://new:1",
  );
  assertEquals(refusal?.code, Code.AlreadyExists);
});

Deno.test("Members.refusal() names what is missing", () => {
  const members = two();
  assertEquals(
    members.refusal(change({ type: "removeNode", nodeId: 9 }), "")?.code,
    Code.NotFound,
  );
  assertEquals(
    members.refusal(change({ type: "addLearner", nodeId: 9 }), "")?.details[0]
      ?.field,
    "address",
  );
  assertEquals(
    members.refusal(change({ type: "addNode", nodeId: 1 }), ""),
    undefined,
  );
});

Deno.test("Members.apply() skips a change that was turned down", () => {
  const members = two();
  members.apply(change({ type: "removeNode", nodeId: 0 }), "");
  assertEquals(members.list().length, 2);
});
