import { assert, assertEquals } from "@std/assert";
import { TransformClient } from "../../../clients/transform_client.ts";
import {
  serveTransform,
  type TransformFunction,
  type TransformOptions,
} from "../../../lib/connector/connector.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { Record } from "../../../proto/messages/common.ts";
import { TransformStatus } from "../../../proto/messages/transform.ts";
import { recordOf } from "../../fixtures/transform_server.ts";

const address = "127.0.0.1:0";

async function withTransform(
  transform: TransformFunction,
  use: (client: TransformClient) => Promise<void>,
  options: TransformOptions = {},
): Promise<void> {
  await using server = await serveTransform(transform, { address, ...options });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  await use(client);
}

/** Does with each record what its type asks for. */
const obedient: TransformFunction = async (record) => {
  await Promise.resolve();
  switch (record.recordType) {
    case "drop":
      return null;
    case "none":
      return [];
    case "split":
      return [{ recordType: "first" }, { recordType: "second" }];
    case "rename":
      return { ...record, id: { sourceId: "renamed", sequenceNumber: 9n } };
    case "throw":
      throw new Error("the record is bad");
    default:
      return { ...record, recordType: record.recordType.toUpperCase() };
  }
};

function typed(...types: string[]): MessageInit<Record>[] {
  return types.map((recordType, i) => ({
    ...recordOf(BigInt(i + 1)),
    recordType,
  }));
}

Deno.test("serveTransform() gives each record the status of its output", async () => {
  await withTransform(obedient, async (client) => {
    const { batchId, results } = await client.processBatch({
      batchId: "b",
      records: typed("a", "drop", "none", "split", "throw", "rename"),
    });
    assertEquals(batchId, "b");
    assertEquals(
      results.map((result) => [
        result.originalId?.sequenceNumber,
        TransformStatus[result.status],
        result.outputRecords.map(({ recordType }) => recordType),
        result.errorMessage,
      ]),
      [
        [1n, "Success", ["A"], ""],
        [2n, "Filtered", [], ""],
        [3n, "Filtered", [], ""],
        [4n, "Split", ["first", "second"], ""],
        [5n, "Error", [], "the record is bad"],
        [6n, "Success", ["rename"], ""],
      ],
    );
    const ids = results.map(({ outputRecords }) =>
      outputRecords.map(({ id }) => [id?.sourceId, id?.sequenceNumber])
    );
    assertEquals(ids[3], [["test", 4n], ["test", 4n]]);
    assertEquals(ids[5], [["renamed", 9n]]);
  });
});

Deno.test("serveTransform() takes a function that forgets to give something for one that fails", async () => {
  for (const given of [undefined, [undefined], "text", 0]) {
    const forgetful = (() => given) as unknown as TransformFunction;
    await withTransform(forgetful, async (client) => {
      const records = [recordOf(1n)];
      const { results: [result] } = await client.processBatch({ records });
      assertEquals(result?.status, TransformStatus.Error);
      assert(
        result?.errorMessage.startsWith(
          "a transform gives a record, records or null, but gave ",
        ),
      );
    });
  }
});

Deno.test("serveTransform() hands the stage's config to the function", async () => {
  await withTransform(
    (record, { config }) => ({ ...record, recordType: config["mode"] ?? "" }),
    async (client) => {
      const config = { mode: "fast" };
      const { results } = await client.processBatch(
        { records: typed("a") },
        config,
      );
      assertEquals(results[0]?.outputRecords[0]?.recordType, "fast");
      for await (
        const result of client.processStream(typed("a"), { config })
      ) assertEquals(result.outputRecords[0]?.recordType, "fast");
    },
  );
});

Deno.test("serveTransform() streams one result for each record", async () => {
  await withTransform(obedient, async (client) => {
    const types = Array.from(
      { length: 500 },
      (_, i) => i % 10 === 0 ? "throw" : "a",
    );
    const results = await Array.fromAsync(
      client.processStream(typed(...types)),
    );
    assertEquals(
      results.map(({ originalId }) => originalId?.sequenceNumber),
      types.map((_, i) => BigInt(i + 1)),
    );
    assertEquals(
      results.filter(({ status }) => status === TransformStatus.Error).length,
      50,
    );
  });
});

Deno.test("serveTransform() works on no more records at once than concurrency", async () => {
  let running = 0;
  let most = 0;
  await withTransform(
    async (record) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      running--;
      return record;
    },
    async (client) => {
      const { results } = await client.processBatch({
        records: Array.from({ length: 50 }, (_, i) => recordOf(BigInt(i))),
      });
      assertEquals(results.length, 50);
      assertEquals(most, 3);
    },
    { concurrency: 3 },
  );
});

Deno.test("serveTransform() says what it can do", async () => {
  await withTransform(
    (record) => record,
    async (client) => {
      const told = await client.getCapabilities();
      assertEquals(told.transformId, "upper");
      assertEquals(told.supportedRecordTypes, ["a", "b"]);
      assertEquals(told.supportsStreaming, true);
    },
    { id: "upper", recordTypes: ["a", "b"] },
  );
});

Deno.test("serveTransform() works on whole batches when transformBatch is given", async () => {
  const outputs: { [sequence: string]: unknown } = {
    1: { recordType: "made" },
    2: null,
    3: [{}, {}],
    4: new Error("no remedy"),
  };
  await using server = await serveTransform({
    transformBatch: (records) =>
      Promise.resolve(
        records.map(({ id }) => outputs[String(id!.sequenceNumber)] as never),
      ),
  }, { address });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  const { results } = await client.processBatch({
    records: [1n, 2n, 3n, 4n].map((sequence) => recordOf(sequence)),
  });
  assertEquals(results.map(({ status }) => TransformStatus[status]), [
    "Success",
    "Filtered",
    "Split",
    "Error",
  ]);
  assertEquals(results[3]?.errorMessage, "no remedy");
});

Deno.test("serveTransform() fails every record when transformBatch gives another number", async () => {
  await using server = await serveTransform({
    transformBatch: () => Promise.resolve([null]),
  }, { address });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  const { results } = await client.processBatch({
    records: [recordOf(1n), recordOf(2n)],
  });
  assertEquals(results.map(({ errorMessage }) => errorMessage), [
    "the transform gave 1 outputs for 2 records",
    "the transform gave 1 outputs for 2 records",
  ]);
});
