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
import {
  AckStatus as PodAckStatus,
  type PushRecordsResponse,
  type SidecarDataPlaneMethods,
} from "../../proto/messages/sidecar.ts";
import { serviceOf } from "../../proto/service.ts";
import { Loopback } from "../fixtures/loopback.ts";

const router = serviceOf<SourceRouterMethods>("conveyor.source.SourceRouter");
const dataPlane = serviceOf<SidecarDataPlaneMethods>(
  "conveyor.sidecar.SidecarDataPlane",
);
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
  code = Code.Unavailable,
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
        throw new ConveyorError(code, "the router goes");
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

// A server that stops at once cancels the streams that it has.
for (const code of [Code.Unavailable, Code.Canceled]) {
  Deno.test(`push() sends again, after a stream that ended as ${Code[code]}, what was not acked`, async () => {
    const seen: bigint[] = [];
    let streams = 0;
    const transport = new Loopback().add(router, {
      pushRecords: (requests, context) => {
        const endAfter = streams++ === 0 ? 2 : Infinity;
        return settling(seen, 10, endAfter, code)(requests, context);
      },
    });
    await using source = new SourceClient(transport, "orders");
    const outcomes = await source.push(records(40));
    assertEquals(outcomes.length, 40);
    assertEquals(streams, 2);
    // The third batch of the first stream was taken and never acked.
    assertEquals(seen.filter((sequence) => sequence === 21n).length, 2);
    assertEquals(new Set(seen).size, 40);
  });
}

Deno.test("push() dials again soon after a stream that brought acks, however many broke before", async () => {
  let streams = 0;
  const transport = new Loopback().add(router, {
    pushRecords: (requests, context) => {
      streams++;
      return settling([], 10, 1)(requests, context);
    },
  });
  await using source = new SourceClient(transport, "orders");
  const startMs = performance.now();
  await source.push(records(120));
  assertEquals(streams, 12);
  // With pauses that grew it would be more than 15 s.
  assert(performance.now() - startMs < 6_000);
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

/** A data plane that opens with `credits`, and answers record n for the k-th time as `statusOf(n, k)`. */
function podAnswering(
  seen: bigint[],
  credits: number,
  statusOf: (sequence: number, time: number) => PodAckStatus,
): NonNullable<Handlers<SidecarDataPlaneMethods>["pushRecords"]> {
  return async function* (
    requests,
  ): AsyncGenerator<MessageInit<PushRecordsResponse>> {
    yield { credits: { granted: BigInt(credits) } };
    for await (const { init, batch } of requests) {
      if (init) assertEquals([init.sourceId, init.pipelineId], ["orders", "p"]);
      if (!batch) continue;
      for (const { id } of batch.records) seen.push(id!.sequenceNumber);
      yield {
        ack: {
          batchId: batch.batchId,
          recordAcks: batch.records.map(({ id: recordId }) => {
            const sequence = recordId!.sequenceNumber;
            const time = seen.filter((each) => each === sequence).length;
            const status = statusOf(Number(sequence), time);
            return { recordId, status, error: PodAckStatus[status] };
          }),
        },
      };
      yield { credits: { granted: BigInt(batch.records.length) } };
    }
  };
}

function sidecarClient(
  pushRecords: Handlers<SidecarDataPlaneMethods>["pushRecords"],
): SourceClient {
  return new SourceClient(
    new Loopback().add(dataPlane, { pushRecords: pushRecords! }),
    "orders",
    { pipelineId: "p" },
  );
}

Deno.test("push() to a sidecar sends again what was not taken now, in its place, until it is", async () => {
  const seen: bigint[] = [];
  await using source = sidecarClient(
    podAnswering(
      seen,
      4,
      (sequence, time) =>
        sequence % 3 === 0 && time < 3
          ? PodAckStatus.Retry
          : PodAckStatus.Success,
    ),
  );
  const outcomes = await source.push(records(7));
  assertEquals(
    outcomes.map(({ id, status }) => [id.sequenceNumber, status]),
    records(7).map(({ id }) => [id!.sequenceNumber, AckStatus.Accepted]),
  );
  assertEquals(source.refusal, undefined);
  for (const sequence of [3n, 6n]) {
    assertEquals(seen.filter((each) => each === sequence).length, 3);
  }
  assertEquals(seen.length, 7 + 2 * 2);
});

Deno.test("push() to a sidecar tells why nothing is taken, and rejects what never will be", async () => {
  const refused = Promise.withResolvers<void>();
  const answer = podAnswering([], 10, (sequence, time) => {
    if (sequence === 1) return PodAckStatus.Failed;
    if (time === 2) refused.resolve();
    return time < 3 ? PodAckStatus.Retry : PodAckStatus.Success;
  });
  await using source = sidecarClient(answer);
  const pushed = source.push(records(2));
  await refused.promise;
  assertEquals(source.refusal, "Retry");
  assertEquals((await pushed).map(({ status, error }) => [status, error]), [
    [AckStatus.Rejected, "Failed"],
    [AckStatus.Accepted, "Success"],
  ]);
});

Deno.test("push() to a sidecar waits as it is told to, and for credit", async () => {
  const sizes: number[] = [];
  await using source = sidecarClient(async function* (requests) {
    yield { backpressure: { pause: true, reason: "full" } };
    yield { credits: { granted: 2n } };
    yield { backpressure: { pause: false } };
    for await (const { batch } of requests) {
      if (!batch) continue;
      sizes.push(batch.records.length);
      const recordAcks = batch.records.map(({ id: recordId }) => ({
        recordId,
        status: PodAckStatus.Success,
      }));
      yield { ack: { batchId: batch.batchId, recordAcks } };
      yield { credits: { granted: BigInt(batch.records.length) } };
    }
  });
  await source.push(records(5));
  assertEquals(sizes, [2, 2, 1]);
});

Deno.test("connectToSidecar() names what is wrong with its addresses", async () => {
  const { details } = await assertRejects(
    () => SourceClient.connectToSidecar([], "orders"),
    ConveyorError,
  );
  assertEquals(details[0]?.field, "sidecars");
});
