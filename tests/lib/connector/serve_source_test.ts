import { assertEquals } from "@std/assert";
import { Channel } from "../../../clients/channel.ts";
import { Code } from "../../../lib/errors.ts";
import {
  serveSource,
  type SourceFunction,
  type SourceHandlers,
} from "../../../lib/connector/connector.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { RecordBatch } from "../../../proto/messages/common.ts";
import {
  AckStatus,
  type PullRequest,
  type RecordAck,
  type SourceServiceMethods,
} from "../../../proto/messages/source.ts";
import { type Service, serviceOf } from "../../../proto/service.ts";
import { rejection } from "../../fixtures/rejection.ts";

const { methods }: Service<SourceServiceMethods> = serviceOf(
  "conveyor.source.SourceService",
);
const who = { sourceId: "ticks", consumerId: "c" };

/** Yields records 1 to `last`, or from where the pull starts. */
function counting(last: bigint): SourceFunction {
  return async function* ({ sourceId, positions }) {
    for (let n = positions.get(0) ?? 1n; n <= last; n++) {
      yield await Promise.resolve({ id: { sourceId, sequenceNumber: n } });
    }
  };
}

async function withSource(
  source: SourceFunction | SourceHandlers,
  use: (channel: Channel) => Promise<void>,
): Promise<void> {
  await using server = await serveSource(source, { address: "127.0.0.1:0" });
  const channel = await Channel.connect(`http://${server.address}`);
  try {
    await use(channel);
  } finally {
    await channel.close();
  }
}

function pull(
  channel: Channel,
  request: MessageInit<PullRequest> = {},
): AsyncIterableIterator<RecordBatch> {
  return channel.stream(
    methods.pullRecords,
    ReadableStream.from([{ ...who, ...request }]),
  );
}

function sequences(batches: readonly RecordBatch[]): bigint[] {
  return batches.flatMap(({ records }) =>
    records.map(({ id }) => id!.sequenceNumber)
  );
}

function acksOf(batch: RecordBatch): MessageInit<RecordAck>[] {
  return batch.records.map(({ id }) => ({
    recordId: id,
    status: AckStatus.Accepted,
  }));
}

Deno.test("serveSource() yields all records from the positions asked for", async () => {
  await withSource(counting(10n), async (channel) => {
    const all = await Array.fromAsync(pull(channel));
    assertEquals(sequences(all), [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n]);
    const start = [{ partition: 0, nextSequence: 8n }];
    const rest = await Array.fromAsync(pull(channel, { start }));
    assertEquals(sequences(rest), [8n, 9n, 10n]);
  });
});

Deno.test("serveSource() puts no more records in a batch than maxBatchRecords", async () => {
  await withSource(counting(10n), async (channel) => {
    const batches = await Array.fromAsync(
      pull(channel, { maxBatchRecords: 4 }),
    );
    assertEquals(batches.map(({ records }) => records.length), [4, 4, 2]);
    assertEquals(new Set(batches.map(({ batchId }) => batchId)).size, 3);
  });
});

Deno.test("serveSource() sends no more than maxInFlight until they are acknowledged", async () => {
  let asked = 0n;
  const source: SourceFunction = async function* ({ sourceId }) {
    while (asked < 9n) {
      yield await Promise.resolve({
        id: { sourceId, sequenceNumber: ++asked },
      });
    }
  };
  await withSource(source, async (channel) => {
    const seen: bigint[] = [];
    for await (
      const batch of pull(channel, { maxInFlight: 3, maxBatchRecords: 3 })
    ) {
      seen.push(...sequences([batch]));
      // At most one batch beyond what was sent has been taken from the source.
      assertEquals(asked <= BigInt(seen.length) + 3n, true);
      const { message } = await channel.unary(methods.acknowledge, {
        ...who,
        recordAcks: acksOf(batch),
      });
      assertEquals(message.acknowledged, BigInt(batch.records.length));
    }
    assertEquals(seen, [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
  });
});

Deno.test("serveSource() hands acknowledgements to the source, and its watermarks on", async () => {
  const acked: RecordAck[] = [];
  const source: SourceHandlers = {
    pull: counting(2n),
    acknowledge: (acks) => void acked.push(...acks),
    watermarks: () => [{ sourceId: "ticks", partition: 0, position: 2n }],
  };
  await withSource(source, async (channel) => {
    const [batch] = await Array.fromAsync(pull(channel));
    await channel.unary(methods.acknowledge, {
      ...who,
      recordAcks: acksOf(batch!),
    });
    assertEquals(acked.map(({ recordId }) => recordId?.sequenceNumber), [
      1n,
      2n,
    ]);
    const { message } = await channel.unary(methods.getWatermark, {});
    assertEquals(message.watermarks.map(({ position }) => position), [2n]);
  });
});

Deno.test("serveSource() tells which partitions are wanted, and sends no other", async () => {
  let wanted: ReadonlySet<number> | undefined;
  const source: SourceFunction = async function* ({ sourceId, partitions }) {
    wanted = partitions;
    for (let partition = 0; partition < 3; partition++) {
      yield await Promise.resolve({ id: { sourceId, partition } });
    }
  };
  await withSource(source, async (channel) => {
    const batches = await Array.fromAsync(
      pull(channel, { partitions: [0, 2] }),
    );
    assertEquals(wanted, new Set([0, 2]));
    assertEquals(
      batches.flatMap(({ records }) => records.map(({ id }) => id?.partition)),
      [0, 2],
    );
  });
});

Deno.test("serveSource() answers Unimplemented to those who would push", async () => {
  await withSource(counting(1n), async (channel) => {
    await rejection(
      channel.unary(methods.requestCredits, { sourceId: "s" }),
      Code.Unimplemented,
    );
    await rejection(
      Array.fromAsync(
        channel.stream(methods.pushRecords, ReadableStream.from([{}])),
      ),
      Code.Unimplemented,
    );
  });
});
