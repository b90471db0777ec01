/**
 * Goal: a connector works on as many records of one stream at once as it gives credits for. Method:
 * functions that go on only when all of them are under way, so that one after the other they would
 * wait for ever.
 */
import { assertEquals } from "@std/assert";
import { SinkClient } from "../../../clients/sink_client.ts";
import { TransformClient } from "../../../clients/transform_client.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { serveSink, serveTransform } from "../../../lib/connector/connector.ts";
import { Barrier } from "../../fixtures/barrier.ts";
import { recordOf } from "../../fixtures/transform_server.ts";

const address = "127.0.0.1:0";
const sequences = (count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => BigInt(i + 1));
const records = (count: number) => sequences(count).map((n) => recordOf(n));

/** Lets its callers go on in the reverse order of their coming, once `parties` have come. */
class Reverse {
  readonly #barrier: Barrier;
  readonly #gates: PromiseWithResolvers<void>[] = [];

  constructor(parties: number) {
    this.#barrier = new Barrier(parties);
  }

  async pass(): Promise<void> {
    const gate = Promise.withResolvers<void>();
    this.#gates.push(gate);
    await this.#barrier.arrive();
    if (this.#gates.at(-1) !== gate) await gate.promise;
    this.#gates.pop();
    this.#gates.at(-1)?.resolve();
  }
}

Deno.test("serveTransform() works on records of one stream at once, and answers in order", async () => {
  const reverse = new Reverse(5);
  const ended: (bigint | undefined)[] = [];
  await using server = await serveTransform(async (record) => {
    await reverse.pass();
    ended.push(record.id?.sequenceNumber);
    return record;
  }, { address, concurrency: 5 });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  const results = await Array.fromAsync(client.processStream(records(5)));
  assertEquals(
    results.map((result) => result.originalId?.sequenceNumber),
    sequences(5),
  );
  assertEquals(ended, sequences(5).reverse());
});

Deno.test("serveSink() writes records of one stream at once, answers in order, and commits last", async () => {
  const reverse = new Reverse(5);
  const events: string[] = [];
  await using server = await serveSink({
    write: async (record) => {
      await reverse.pass();
      events.push(`write ${record.id?.sequenceNumber}`);
    },
    flush: () => Promise.resolve(BigInt(events.push("flush"))),
  }, { address, concurrency: 5 });
  await using client = await SinkClient.connect(
    `http://${server.address}`,
    "s",
  );
  const results = await Array.fromAsync(client.writeStream(records(5)));
  assertEquals(
    results.map((result) => result.recordId?.sequenceNumber),
    sequences(5),
  );
  assertEquals(events, [
    "write 5",
    "write 4",
    "write 3",
    "write 2",
    "write 1",
    "flush",
  ]);
});

Deno.test("serveTransform() works on one record of a stream after the other when concurrency is 1", async () => {
  let [atOnce, most] = [0, 0];
  await using server = await serveTransform(async (record) => {
    most = Math.max(most, ++atOnce);
    await new Promise((resolve) => setTimeout(resolve, 0));
    atOnce--;
    return record;
  }, { address, concurrency: 1 });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  assertEquals(
    (await Array.fromAsync(client.processStream(records(20)))).length,
    20,
  );
  assertEquals(most, 1);
});

Deno.test("close() lets the records of a stream that are under way finish, and answers them", async () => {
  const barrier = new Barrier(3);
  const release = Promise.withResolvers<void>();
  await using server = await serveTransform(async (record) => {
    barrier.arrive();
    await release.promise;
    return record;
  }, { address, concurrency: 3 });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  const answered: (bigint | undefined)[] = [];
  const reading = (async () => {
    for await (const result of client.processStream(records(100))) {
      answered.push(result.originalId?.sequenceNumber);
    }
  })().catch((error) => error);
  await barrier.met;
  const closing = server.close();
  release.resolve();
  const error = await reading;
  await closing;
  assertEquals(
    error instanceof ConveyorError && Code[error.code],
    "Unavailable",
  );
  assertEquals(answered, sequences(3));
});

Deno.test("leaving a stream aborts the work on all its records", async () => {
  const barrier = new Barrier(3);
  const aborted = new Barrier(3);
  await using server = await serveTransform(async (record, { signal }) => {
    if (record.id?.sequenceNumber === 1n) return record;
    signal.addEventListener("abort", () => aborted.arrive());
    barrier.arrive();
    await aborted.met;
    return null;
  }, { address, concurrency: 3 });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  for await (const _ of client.processStream(records(100))) {
    await barrier.met;
    break;
  }
  await aborted.met;
});
