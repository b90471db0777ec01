/** A sink of dead letters that answers as a test says: what it has is gone, all else must stay. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Letter, ServiceDirectory } from "../../../lib/delivery/ports.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { SinkLetters } from "../../../lib/router/sink_letters.ts";
import { codecOf, type MessageInit } from "../../../proto/codec.ts";
import type { Record } from "../../../proto/messages/common.ts";
import {
  type WriteBatchRequest,
  type WriteBatchResponse,
  WriteStatus,
} from "../../../proto/messages/sink.ts";
import { schema } from "../../../proto/schema.ts";
import { letter } from "../../fixtures/letters.ts";

const record = codecOf<Record>(schema.lookupType("conveyor.common.Record"));
const request = codecOf<WriteBatchRequest>(
  schema.lookupType("conveyor.sink.WriteBatchRequest"),
);
const response = codecOf<WriteBatchResponse>(
  schema.lookupType("conveyor.sink.WriteBatchResponse"),
);
const { signal } = new AbortController();

type Answer = (records: readonly Record[]) => MessageInit<WriteBatchResponse>;

/** Numbers of the records that each call was about, and a sink that answers so. */
function sinkOf(
  answer: Answer,
  flushes = true,
): { readonly calls: number[][]; readonly letters: SinkLetters } {
  const calls: number[][] = [];
  const instance = {
    id: "morgue-1",
    port: {
      call: async (bytes: Uint8Array) => {
        const { batch } = request.decode(await Promise.resolve(bytes));
        calls.push(batch!.records.map(numberOf));
        return response.encode(answer(batch!.records));
      },
      flush: () => Promise.resolve(flushes),
      incarnation: 1,
    },
  };
  const services = { pick: () => instance, source: () => undefined };
  const letters = new SinkLetters(services as unknown as ServiceDirectory);
  return { calls, letters };
}

function lettersOf(...numbers: number[]): Letter[] {
  return numbers.map((number) =>
    letter(number, {
      record: record.encode({
        id: { sourceId: "orders", sequenceNumber: BigInt(number) },
      }),
    })
  );
}

function numberOf({ id }: Record): number {
  return Number(id!.sequenceNumber);
}

/** The numbers of those that are not taken. */
async function refused(
  sink: SinkLetters,
  letters: readonly Letter[],
): Promise<number[]> {
  const left = await sink.put("morgue", letters, signal);
  return left.map((each) => numberOf(record.decode(each.record)));
}

function results(
  records: readonly Record[],
  success: (number: number) => boolean,
  retryable = false,
): MessageInit<WriteBatchResponse>["results"] {
  return records.map((each) => ({
    recordId: each.id,
    success: success(numberOf(each)),
    retryable,
  }));
}

Deno.test("SinkLetters.put() believes the results, whatever the status of the batch", async () => {
  const { letters } = sinkOf((records) => ({
    status: WriteStatus.Success,
    results: results(records, (number) => number !== 2),
  }));
  assertEquals(await refused(letters, lettersOf(1, 2, 3)), [2]);
});

Deno.test("SinkLetters.put() of a batch without results goes by its status", async () => {
  const taken = sinkOf(() => ({ status: WriteStatus.Success }));
  assertEquals(await refused(taken.letters, lettersOf(1, 2)), []);
  const failed = sinkOf(() => ({ status: WriteStatus.Failed }));
  await assertRejects(
    () => refused(failed.letters, lettersOf(1)),
    ConveyorError,
    "took 0 of 1",
  );
});

Deno.test("SinkLetters.put() rejects for letters that the answer leaves out, and sends only those again", async () => {
  let answered = 1;
  const { calls, letters } = sinkOf((records) => ({
    status: WriteStatus.Success,
    results: [
      ...results(records.slice(0, answered++), () => true)!,
      { recordId: { sourceId: "unknown" }, success: true },
    ],
  }));
  const three = lettersOf(1, 2, 3);
  await assertRejects(() => refused(letters, three), ConveyorError, "1 of 3");
  assertEquals(await refused(letters, three), []);
  assertEquals(calls, [[1, 2, 3], [2, 3]]);
});

Deno.test("SinkLetters.put() finds the letter that the sink refuses by failing the call", async () => {
  const { calls, letters } = sinkOf((records) => {
    if (records.some((each) => numberOf(each) === 3)) {
      throw new ConveyorError(Code.InvalidArgument, "not a third one");
    }
    return { status: WriteStatus.Success };
  });
  assertEquals(await refused(letters, lettersOf(1, 2, 3, 4)), [3]);
  assertEquals(calls, [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]);
});

Deno.test("SinkLetters.put() takes what is pending for taken only when it is flushed", async () => {
  const pending: Answer = () => ({ status: WriteStatus.Pending });
  assertEquals(await refused(sinkOf(pending).letters, lettersOf(1)), []);
  await assertRejects(
    () => refused(sinkOf(pending, false).letters, lettersOf(1)),
    ConveyorError,
    "durable",
  );
});
