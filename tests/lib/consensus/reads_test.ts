import { assertEquals, assertRejects } from "@std/assert";
import { Reads } from "../../../lib/consensus/reads.ts";

function reading(reads: Reads): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  reads.add({ resolve, reject });
  return promise;
}

Deno.test("Reads asks one question for all that wait, and the next only behind it", async () => {
  const reads = new Reads(1, 3);
  const early = [reading(reads), reading(reads)];
  const first = reads.question()!;
  const late = reading(reads);
  assertEquals(reads.question(), undefined);
  reads.confirmed({ index: 5, context: first });
  reads.applied(5);
  assertEquals(await Promise.all(early), [5, 5]);
  const second = reads.question()!;
  reads.confirmed({ index: 6, context: second });
  reads.applied(9);
  assertEquals(await late, 9);
  assertEquals(reads.question(), undefined);
});

Deno.test("Reads lets a read run only when its index is applied", async () => {
  const reads = new Reads(1, 3);
  let done = false;
  const read = reading(reads).then(() => done = true);
  reads.confirmed({ index: 5, context: reads.question()! });
  reads.applied(4);
  await Promise.resolve();
  assertEquals(done, false);
  reads.applied(5);
  await read;
});

Deno.test("Reads asks again under another context when no answer comes", async () => {
  const reads = new Reads(1, 3);
  const read = reading(reads);
  const lost = reads.question()!;
  for (let tick = 0; tick < 2; tick++) reads.tick();
  assertEquals(reads.question(), undefined);
  reads.tick();
  const again = reads.question()!;
  // The answer to the lost question is older than a read that joined since.
  reads.confirmed({ index: 1, context: lost });
  reads.applied(1);
  reads.confirmed({ index: 7, context: again });
  reads.applied(7);
  assertEquals(await read, 7);
});

Deno.test("Reads of another run of the node have other contexts", () => {
  const contexts = [1, 2].map((incarnation) => {
    const reads = new Reads(incarnation, 3);
    reading(reads);
    return reads.question()!.toHex();
  });
  assertEquals(new Set(contexts).size, 2);
});

Deno.test("Reads.rejectUnconfirmed() refuses what waits and keeps what is confirmed", async () => {
  const reads = new Reads(1, 3);
  const confirmed = reading(reads);
  reads.confirmed({ index: 5, context: reads.question()! });
  const asked = reading(reads);
  reads.question();
  const waiting = reading(reads);
  assertEquals(reads.size, 2);
  const refused = [asked, waiting].map((read) =>
    assertRejects(() => read, Error, "gone")
  );
  reads.rejectUnconfirmed(new Error("gone"));
  await Promise.all(refused);
  assertEquals(reads.size, 0);
  reads.applied(5);
  assertEquals(await confirmed, 5);
});

Deno.test("Reads.rejectAll() refuses the confirmed ones too", async () => {
  const reads = new Reads(1, 3);
  const confirmed = reading(reads);
  reads.confirmed({ index: 5, context: reads.question()! });
  const refused = assertRejects(() => confirmed, Error, "stopped");
  reads.rejectAll(new Error("stopped"));
  await refused;
});
