import { assert, assertEquals, assertRejects } from "@std/assert";
import { SourceClient } from "../../clients/source_client.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import type { Handlers } from "../../lib/rpc/handler.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { CheckpointServiceMethods } from "../../proto/messages/checkpoint.ts";
import type { Record } from "../../proto/messages/common.ts";
import {
  AckStatus,
  type PushResponse,
  type SourceRouterMethods,
} from "../../proto/messages/source.ts";
import { serviceOf } from "../../proto/service.ts";
import { Loopback } from "../fixtures/loopback.ts";

const router = serviceOf<SourceRouterMethods>("conveyor.source.SourceRouter");
const checkpoint = serviceOf<CheckpointServiceMethods>(
  "conveyor.checkpoint.CheckpointService",
);

function records(count: number): MessageInit<Record>[] {
  return Array.from({ length: count }, (_, at) => ({
    id: { sequenceNumber: BigInt(at + 1) },
  }));
}

/** A push handler that grants `credits`, settles what comes, and grants again as much. */
function settling(
  seen: bigint[],
  credits: number,
  endAfter = Infinity,
): NonNullable<Handlers<SourceRouterMethods>["pushRecords"]> {
  return async function* (requests): AsyncGenerator<MessageInit<PushResponse>> {
    yield { credits: { credits: BigInt(credits) } };
    let room = credits;
    let taken = 0;
    for await (const { batch } of requests) {
      const given = batch!.records;
      room -= given.length;
      assert(room >= 0, "more records than credit");
      for (const { id } of given) seen.push(id!.sequenceNumber);
      if (++taken > endAfter) {
        throw new ConveyorError(Code.Unavailable, "the router goes");
      }
      yield {
        ack: {
          batchId: batch!.batchId,
          recordAcks: given.map(({ id }) => ({
            recordId: id,
            status: AckStatus.Accepted,
          })),
        },
      };
      room += given.length;
      yield { credits: { credits: BigInt(given.length) } };
    }
  };
}

Deno.test("push() resolves with an outcome per record, within the credit granted", async () => {
  const seen: bigint[] = [];
  const transport = new Loopback().add(router, {
    pushRecords: settling(seen, 7),
  });
  await using source = new SourceClient(transport, "orders");
  const outcomes = await source.push(records(50));
  assertEquals(outcomes.length, 50);
  assert(outcomes.every(({ status }) => status === AckStatus.Accepted));
  assertEquals(outcomes[9]?.id.sourceId, "orders");
  assertEquals(seen, records(50).map(({ id }) => id!.sequenceNumber!));
});

Deno.test("push() sends again, after a broken stream, what was not acked", async () => {
  const seen: bigint[] = [];
  let streams = 0;
  const transport = new Loopback().add(router, {
    pushRecords: (requests, context) =>
      settling(seen, 10, streams++ === 0 ? 2 : Infinity)(requests, context),
  });
  await using source = new SourceClient(transport, "orders");
  const outcomes = await source.push(records(40));
  assertEquals(outcomes.length, 40);
  assertEquals(streams, 2);
  // The third batch of the first stream was taken and never acked.
  assertEquals(seen.filter((sequence) => sequence === 21n).length, 2);
  assertEquals(new Set(seen).size, 40);
});

Deno.test("push() rejects with what no repetition mends", async () => {
  const transport = new Loopback().add(router, {
    // deno-lint-ignore require-yield -- it refuses before it answers
    pushRecords: async function* () {
      await Promise.reject(
        new ConveyorError(Code.PermissionDenied, "not you"),
      );
    },
  });
  await using source = new SourceClient(transport, "orders");
  for (let round = 0; round < 2; round++) {
    const error = await assertRejects(
      () => source.push(records(1)),
      ConveyorError,
    );
    assertEquals(error.code, Code.PermissionDenied);
  }
});

Deno.test("push() asks for credit when it has none", async () => {
  let asked = 0;
  const extra = Promise.withResolvers<void>();
  const transport = new Loopback().add(router, {
    pushRecords: async function* (requests) {
      for await (const { batch } of requests) {
        yield {
          ack: {
            batchId: batch!.batchId,
            recordAcks: batch!.records.map(({ id }) => ({
              recordId: id,
              status: AckStatus.Accepted,
            })),
          },
        };
      }
    },
    requestCredits: ({ sourceId, requestedCredits }) => {
      assertEquals(sourceId, "orders");
      asked++;
      extra.resolve();
      return { grantedCredits: requestedCredits };
    },
  });
  await using source = new SourceClient(transport, "orders");
  const pushed = source.push(records(3));
  await extra.promise;
  assertEquals((await pushed).length, 3);
  assertEquals(asked, 1);
});

Deno.test("push() pauses when the router asks for it, and takes its batch size", async () => {
  const sizes: number[] = [];
  const transport = new Loopback().add(router, {
    pushRecords: async function* (requests) {
      yield { credits: { credits: 100n } };
      yield {
        backpressure: {
          pause: true,
          recommendedBatchSize: 4,
          resumeAfterMs: 20n,
        },
      };
      for await (const { batch } of requests) {
        sizes.push(batch!.records.length);
        yield {
          ack: {
            batchId: batch!.batchId,
            recordAcks: batch!.records.map(({ id }) => ({
              recordId: id,
              status: AckStatus.Accepted,
            })),
          },
        };
      }
    },
  });
  await using source = new SourceClient(transport, "orders");
  await source.push(records(10));
  assertEquals(sizes.slice(-2), [4, 2]);
});

Deno.test("pushAll() counts every outcome", async () => {
  const seen: bigint[] = [];
  const transport = new Loopback().add(router, {
    pushRecords: settling(seen, 100),
  });
  await using source = new SourceClient(transport, "orders");
  let told = 0;
  const summary = await source.pushAll(records(1_234), {
    onOutcome: () => told++,
  });
  assertEquals(summary, { accepted: 1_234, duplicate: 0, rejected: 0 });
  assertEquals([told, seen.length], [1_234, 1_234]);
});

Deno.test("resumePositions() tells where to go on", async () => {
  const transport = new Loopback().add(checkpoint, {
    getSourceOffset: ({ sourceId }) => ({
      offsets: sourceId === "orders" ? { 0: 7n, 3: 2n ** 64n - 1n } : {},
    }),
  });
  await using source = new SourceClient(transport, "orders");
  assertEquals(
    await source.resumePositions(),
    new Map([[0, 7n], [3, 2n ** 64n - 1n]]),
  );
});

Deno.test("close() rejects what is not settled", async () => {
  const transport = new Loopback().add(router, {
    pushRecords: async function* (requests) {
      yield { credits: { credits: 10n } };
      for await (const _ of requests);
    },
  });
  const source = new SourceClient(transport, "orders");
  const pushed = source.push(records(1));
  const refused = assertRejects(() => pushed, ConveyorError);
  await source.close();
  assertEquals((await refused).code, Code.Canceled);
  await assertRejects(() => source.push(records(1)), ConveyorError);
});
