import { assertEquals, assertRejects } from "@std/assert";
import { KeptOnce } from "../../../lib/handlers/kept_once.ts";

Deno.test("KeptOnce lets a call wait for one that has its letters in hand, and no other", async () => {
  const once = new KeptOnce();
  const done: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const begin = (name: string, ...ids: string[]): Promise<void> => {
    const gate = Promise.withResolvers<void>();
    gates.set(name, gate);
    return once.run(ids, async () => {
      done.push(`${name} begins`);
      await gate.promise;
      done.push(`${name} ends`);
    });
  };
  const first = begin("first", "a", "b");
  const second = begin("second", "b", "c");
  const other = begin("other", "d");
  assertEquals(done, ["first begins", "other begins"]);
  gates.get("first")!.reject(new Error("the disk is full"));
  await assertRejects(() => first, Error, "the disk is full");
  for (const name of ["second", "other"]) gates.get(name)!.resolve();
  await Promise.all([second, other]);
  assertEquals(done.filter((each) => each.startsWith("second")), [
    "second begins",
    "second ends",
  ]);
});
