import { assert, assertEquals } from "@std/assert";
import { SinkClient } from "../../../clients/sink_client.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import {
  serveSink,
  type SinkFunction,
  type SinkHandlers,
} from "../../../lib/connector/connector.ts";
import { WriteStatus } from "../../../proto/messages/sink.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { recordOf } from "../../fixtures/transform_server.ts";

const address = "127.0.0.1:0";

async function withSink(
  sink: SinkFunction | SinkHandlers,
  use: (client: SinkClient) => Promise<void>,
): Promise<void> {
  await using server = await serveSink(sink, { address });
  await using client = await SinkClient.connect(
    `http://${server.address}`,
    "s",
  );
  await use(client);
}

Deno.test("serveSink() answers each record: written, to be retried, or refused for good", async () => {
  const written: (bigint | undefined)[] = [];
  const write: SinkFunction = ({ id }) => {
    if (id?.sequenceNumber === 2n) throw new Error("the disk is full");
    if (id?.sequenceNumber === 3n) {
      throw new ConveyorError(Code.InvalidArgument, "no such column");
    }
    if (id?.sequenceNumber === 4n) {
      throw new ConveyorError(Code.Unavailable, "no connection");
    }
    written.push(id?.sequenceNumber);
  };
  await withSink(write, async (client) => {
    const { status, results } = await client.writeBatch({
      records: [1n, 2n, 3n, 4n].map((n) => recordOf(n)),
    });
    assertEquals(status, WriteStatus.Partial);
    assertEquals(
      results.map(({ success, error, retryable }) => [
        success,
        error,
        retryable,
      ]),
      [
        [true, "", false],
        [false, "the disk is full", true],
        [false, "no such column", false],
        [false, "no connection", true],
      ],
    );
    assertEquals(written, [1n]);
  });
});

Deno.test("serveSink() sums the results up in the status of the batch", async () => {
  await withSink(({ id }) => {
    if (id!.sequenceNumber > 1n) throw new Error("no");
  }, async (client) => {
    const statusOf = async (...ids: bigint[]): Promise<string | undefined> => {
      const records = ids.map((n) => recordOf(n));
      return WriteStatus[(await client.writeBatch({ records })).status];
    };
    assertEquals(await statusOf(1n), "Success");
    assertEquals(await statusOf(1n, 2n), "Partial");
    assertEquals(await statusOf(2n, 3n), "Failed");
  });
});

Deno.test("serveSink() writes a batch together when writeBatch is given", async () => {
  const sizes: number[] = [];
  const sink: SinkHandlers = {
    writeBatch: (records) => {
      sizes.push(records.length);
      return Promise.resolve(
        records.map(({ id }) =>
          id?.sequenceNumber === 2n ? new Error("bad") : undefined
        ),
      );
    },
  };
  await withSink(sink, async (client) => {
    const { results } = await client.writeBatch({
      records: [1n, 2n, 3n].map((n) => recordOf(n)),
    });
    assertEquals(results.map(({ success }) => success), [true, false, true]);
    assertEquals(sizes, [3]);
  });
});

Deno.test("serveSink() fails every record when writeBatch throws", async () => {
  await withSink(
    { writeBatch: () => Promise.reject(new Error("no connection")) },
    async (client) => {
      const { status, results } = await client.writeBatch({
        records: [recordOf(1n), recordOf(2n)],
      });
      assertEquals(status, WriteStatus.Failed);
      assertEquals(results.map(({ error }) => error), [
        "no connection",
        "no connection",
      ]);
    },
  );
});

Deno.test("serveSink() fails the call, or the record of a stream, with the ConveyorError that writeBatch throws", async () => {
  const error = new ConveyorError(Code.InvalidArgument, "a row is too long");
  await withSink(
    { writeBatch: () => Promise.reject(error) },
    async (client) => {
      const records = [recordOf(1n), recordOf(2n)];
      const refused = await rejection(
        client.writeBatch({ records }),
        Code.InvalidArgument,
      );
      assert(refused.message.includes("a row is too long"), refused.message);
      for await (const result of client.writeStream([recordOf(1n)])) {
        const { success, retryable, error } = result;
        assertEquals([success, retryable, error], [
          false,
          false,
          "a row is too long",
        ]);
      }
    },
  );
});

Deno.test("serveSink() flushes before it acknowledges a stream's commit", async () => {
  const events: string[] = [];
  const sink: SinkHandlers = {
    write: ({ id }) => void events.push(`write ${id?.sequenceNumber}`),
    flush: () => {
      events.push("flush");
      return Promise.resolve(3n);
    },
  };
  await withSink(sink, async (client) => {
    const records = [1n, 2n, 3n].map((n) => recordOf(n));
    const results = await Array.fromAsync(client.writeStream(records));
    assertEquals(results.map(({ success }) => success), [true, true, true]);
    assertEquals(events, ["write 1", "write 2", "write 3", "flush"]);
    assertEquals(await client.flush(), { success: true, flushedRecords: 3n });
  });
});

Deno.test("serveSink() does not acknowledge a commit when the flush fails", async () => {
  const sink: SinkHandlers = {
    write: () => {},
    flush: () =>
      Promise.reject(new ConveyorError(Code.Unavailable, "no connection")),
  };
  await withSink(sink, async (client) => {
    await rejection(
      Array.fromAsync(client.writeStream([recordOf(1n)])),
      Code.Unavailable,
    );
  });
});

Deno.test("serveSink() hands on the router's wishes, and states its capacity", async () => {
  const wishes: unknown[] = [];
  const sink: SinkHandlers = {
    write: (_record, { options }) => void wishes.push(options?.timeoutMs),
    capacity: () => ({ availableCapacity: 7n, currentQueueDepth: 2n }),
  };
  await withSink(sink, async (client) => {
    await client.writeBatch({ records: [recordOf(1n)] }, { timeoutMs: 250 });
    assertEquals(wishes, [250]);
    const capacity = await client.getCapacity();
    assertEquals(capacity.availableCapacity, 7n);
    assertEquals(capacity.currentQueueDepth, 2n);
  });
});

Deno.test("serveSink() rejects with InvalidArgument when it is given nothing to write with", async () => {
  const error = await rejection(
    serveSink({}, { address }),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "sink");
});
