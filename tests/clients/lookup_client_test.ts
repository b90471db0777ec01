import { assertEquals } from "@std/assert";
import { LookupClient } from "../../clients/lookup_client.ts";
import { Code } from "../../lib/errors.ts";
import type { Handlers } from "../../lib/rpc/handler.ts";
import {
  type LookupServiceMethods,
  LookupStatus,
} from "../../proto/messages/lookup.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { Loopback } from "../fixtures/loopback.ts";
import { rejection } from "../fixtures/rejection.ts";
import { recordOf } from "../fixtures/transform_server.ts";

const service: Service<LookupServiceMethods> = serviceOf(
  "conveyor.lookup.LookupService",
);

function loopback(handlers: Handlers<LookupServiceMethods>): LookupClient {
  return new LookupClient(new Loopback().add(service, handlers), "l");
}

Deno.test("lookup() resolves with the answer for its record", async () => {
  const client = loopback({
    lookup: ({ lookupId, inputRecord, keyFields }) => ({
      originalId: inputRecord?.id,
      status: LookupStatus.Found,
      errorMessage: `${lookupId} by ${keyFields}`,
    }),
  });
  const answer = await client.lookup(recordOf(1n), ["a", "b"]);
  assertEquals([answer.status, answer.errorMessage], [
    LookupStatus.Found,
    "l by a,b",
  ]);
});

Deno.test("lookup() rejects with DataLoss when the answer is for another record", async () => {
  const client = loopback({
    lookup: () => ({ originalId: { sourceId: "other" } }),
  });
  await rejection(client.lookup(recordOf(1n)), Code.DataLoss);
});

Deno.test("batchLookup() rejects with DataLoss when an answer is missing", async () => {
  const client = loopback({
    batchLookup: ({ records }) => ({
      results: [{ originalId: records[0]?.id }],
    }),
  });
  await rejection(
    client.batchLookup([recordOf(1n), recordOf(2n)]),
    Code.DataLoss,
  );
  assertEquals((await client.batchLookup([recordOf(1n)])).results.length, 1);
});

Deno.test("batchLookup() names the record without an id", async () => {
  const error = await rejection(
    loopback({}).batchLookup([recordOf(1n), {}]),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "records[1].id.sourceId");
});
