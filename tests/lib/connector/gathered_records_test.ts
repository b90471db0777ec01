import { assertEquals } from "@std/assert";
import { gatheredRecords } from "../../../lib/connector/gathered_records.ts";
import { pullBatchBytes } from "../../../lib/limits.ts";

async function* records(...shares: number[]) {
  for (const share of shares) {
    yield await Promise.resolve({
      payload: new Uint8Array(Math.floor(share * pullBatchBytes)),
    });
  }
}

async function sizes(
  source: ReturnType<typeof records>,
  recordsMax: number,
): Promise<number[]> {
  const { signal } = new AbortController();
  const batches = gatheredRecords(source, () => recordsMax, signal);
  return (await Array.fromAsync(batches)).map(({ length }) => length);
}

Deno.test("gatheredRecords() bounds a batch by records and by bytes, and lets a larger record go alone", async () => {
  assertEquals(await sizes(records(0, 0, 0, 0, 0), 2), [2, 2, 1]);
  assertEquals(await sizes(records(0.4, 0.5, 0.2, 3, 0.1), 9), [2, 1, 1, 1]);
  assertEquals(await sizes(records(), 9), []);
});

Deno.test("gatheredRecords() gives out what there is when the source is waited for", async () => {
  const { promise: more, resolve } = Promise.withResolvers<void>();
  const batches = gatheredRecords(
    (async function* () {
      yield* records(0, 0);
      await more;
      yield* records(0);
    })(),
    () => 9,
    new AbortController().signal,
  );
  assertEquals((await batches.next()).value?.length, 2);
  resolve();
  assertEquals((await batches.next()).value?.length, 1);
  assertEquals((await batches.next()).done, true);
});

Deno.test("gatheredRecords() ends when it is aborted, whatever its source does", async () => {
  const leaving = new AbortController();
  const batches = gatheredRecords(
    (async function* () {
      yield* records(0);
      await new Promise(() => {});
    })(),
    () => 9,
    leaving.signal,
  );
  assertEquals((await batches.next()).value?.length, 1);
  const end = batches.next();
  leaving.abort();
  assertEquals((await end).done, true);
});
