import { assert, assertEquals } from "@std/assert";
import { LookupClient } from "../../../clients/lookup_client.ts";
import {
  type LookupFunction,
  serveLookup,
} from "../../../lib/connector/connector.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { Record } from "../../../proto/messages/common.ts";
import { LookupStatus } from "../../../proto/messages/lookup.ts";
import { recordOf } from "../../fixtures/transform_server.ts";

const cities: LookupFunction = async (record, keyFields) => {
  await Promise.resolve();
  const airport = record.metadata[keyFields[0] ?? ""];
  if (airport === "BAD") throw new Error("no such table");
  return airport === "SEA"
    ? { city: "Seattle", raw: new Uint8Array([1, 2]) }
    : undefined;
};

async function withLookup(
  use: (client: LookupClient) => Promise<void>,
): Promise<void> {
  await using server = await serveLookup(cities, {
    address: "127.0.0.1:0",
    id: "airports",
  });
  await using client = await LookupClient.connect(
    `http://${server.address}`,
    "l",
  );
  await use(client);
}

function from(airport: string, sequence = 1n): MessageInit<Record> {
  return { ...recordOf(sequence), metadata: { airport } };
}

Deno.test("serveLookup() answers found, not found and error", async () => {
  await withLookup(async (client) => {
    const found = await client.lookup(from("SEA"), ["airport"]);
    assertEquals(found.status, LookupStatus.Found);
    assertEquals(found.originalId?.sequenceNumber, 1n);
    assertEquals(new TextDecoder().decode(found.lookupData["city"]), "Seattle");
    assertEquals(found.lookupData["raw"], new Uint8Array([1, 2]));
    const missing = await client.lookup(from("XXX"), ["airport"]);
    assertEquals(missing.status, LookupStatus.NotFound);
    const failed = await client.lookup(from("BAD"), ["airport"]);
    assertEquals(failed.status, LookupStatus.Error);
    assertEquals(failed.errorMessage, "no such table");
  });
});

Deno.test("serveLookup() fails a record for which it is given what has no names", async () => {
  const wordy = (() => "Seattle") as unknown as LookupFunction;
  await using server = await serveLookup(wordy, { address: "127.0.0.1:0" });
  await using client = await LookupClient.connect(
    `http://${server.address}`,
    "l",
  );
  const { status, errorMessage } = await client.lookup(from("SEA"), []);
  assertEquals([status, errorMessage], [
    LookupStatus.Error,
    'a lookup gives an object or null, but gave "Seattle"',
  ]);
});

Deno.test("serveLookup() answers a batch in order, with its figures", async () => {
  await withLookup(async (client) => {
    const records = ["SEA", "XXX", "BAD", "SEA"].map((airport, i) =>
      from(airport, BigInt(i))
    );
    const { results, stats } = await client.batchLookup(records, ["airport"]);
    assertEquals(
      results.map(({ originalId }) => originalId?.sequenceNumber),
      [0n, 1n, 2n, 3n],
    );
    assertEquals([stats?.found, stats?.notFound, stats?.errors], [2, 1, 1]);
    const total = results.reduce((sum, { latencyUs }) => sum + latencyUs, 0n);
    assertEquals(stats?.avgLatencyUs, total / 4n);
    assert(total > 0n);
  });
});

Deno.test("serveLookup() says what it can do", async () => {
  await withLookup(async (client) => {
    const told = await client.getCapabilities();
    assertEquals([told.lookupId, told.supportsBatch], ["airports", true]);
  });
});
