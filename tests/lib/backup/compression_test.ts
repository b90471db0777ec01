import { assert, assertEquals } from "@std/assert";
import { compressed, decompressed } from "../../../lib/backup/compression.ts";
import { Code } from "../../../lib/errors.ts";
import { CompressionType } from "../../../proto/messages/backup.ts";
import { allOf, inPieces } from "../../fixtures/backups.ts";
import { rejection } from "../../fixtures/rejection.ts";

const bytes = new Uint8Array(1_000_000).map((_, at) => at % 251);
const { None, Gzip, Zstd } = CompressionType;

Deno.test("decompressed() gives back what compressed() made, whatever the form", async () => {
  for (const form of [None, Gzip, Zstd]) {
    const small = await allOf(compressed(inPieces(bytes, 70_000), form));
    assertEquals(small.length < bytes.length / 10, form !== None);
    const back = await allOf(decompressed(inPieces(small, 10_000)));
    assertEquals(back, bytes);
  }
  assertEquals(
    await allOf(decompressed(inPieces(new Uint8Array(0)))),
    new Uint8Array(0),
  );
});

Deno.test("compressed() makes gzip that the runtime's own stream reads", async () => {
  const small = await allOf(compressed(inPieces(bytes), Gzip));
  const stream = ReadableStream.from([small as Uint8Array<ArrayBuffer>])
    .pipeThrough(new DecompressionStream("gzip"));
  assertEquals(await allOf(stream), bytes);
});

Deno.test("decompressed() of damaged or cut gzip is DataLoss", async () => {
  const small = await allOf(compressed(inPieces(bytes), Gzip));
  const damaged = small.slice();
  damaged[small.length >> 1]! ^= 0xff;
  for (const bad of [damaged, small.subarray(0, small.length >> 1)]) {
    await rejection(allOf(decompressed(inPieces(bad))), Code.DataLoss);
  }
});

Deno.test("compressed() and decompressed() pass on what the source throws", async () => {
  const broken = async function* () {
    yield await Promise.resolve(bytes);
    throw new TypeError("the source broke");
  };
  for (const form of [None, Gzip, Zstd]) {
    let told = "";
    await allOf(compressed(broken(), form)).catch((e) => told = e.message);
    assertEquals(told, "the source broke");
  }
  const error = await rejection(
    (async () => await allOf(compressed(inPieces(bytes), 9 as never)))(),
    Code.InvalidArgument,
  );
  assert(error.message.includes("compression"), error.message);
});
