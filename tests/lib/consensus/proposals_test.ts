import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Proposals } from "../../../lib/consensus/proposals.ts";

const answer = new Uint8Array([1]);

Deno.test("Proposals settles a request for all who wait for it", async () => {
  const proposals = new Proposals();
  const first = proposals.open("a");
  assertStrictEquals(proposals.get("a"), first);
  proposals.settle("a", { index: 3, answer });
  assertEquals(await first, { index: 3, answer });
  assertEquals(proposals.size, 0);
});

Deno.test("Proposals.settle() of a request of another node does nothing", () => {
  const proposals = new Proposals();
  proposals.settle("other", { index: 3, answer });
  proposals.refuse("other", new Error("x"));
  assertEquals(proposals.size, 0);
});

Deno.test("Proposals.refuseAll() refuses every one", async () => {
  const proposals = new Proposals();
  const refused = ["a", "b"].map((request) =>
    assertRejects(() => proposals.open(request), Error, "lost")
  );
  proposals.refuseAll(new Error("lost"));
  await Promise.all(refused);
  assertEquals(proposals.size, 0);
});

Deno.test("Proposals.settleApplied() settles what a snapshot holds", async () => {
  const proposals = new Proposals();
  const held = proposals.open("held");
  const open = proposals.open("open");
  proposals.settleApplied(
    8,
    (request) => request === "held" ? answer : undefined,
  );
  assertEquals(await held, { index: 8, answer });
  assertEquals(proposals.size, 1);
  const refused = assertRejects(() => open, Error, "end");
  proposals.refuseAll(new Error("end"));
  await refused;
});
