import { assertEquals, assertRejects } from "@std/assert";
import { frames, unframed } from "../../../lib/consensus/snapshot_frames.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { snapshotChunkBytesMax } from "../../../lib/limits.ts";
import { seededRandom } from "../../../lib/random.ts";

function bytes(...lengths: number[]): Uint8Array[] {
  return lengths.map((length, at) => new Uint8Array(length).fill(at + 1));
}

function unframedAll(pieces: readonly Uint8Array[]): Promise<Uint8Array[]> {
  return Array.fromAsync(unframed(ReadableStream.from(pieces)));
}

function cut(
  stream: readonly Uint8Array[],
  random: () => number,
): Uint8Array[] {
  const whole = new Uint8Array(stream.flatMap((piece) => [...piece]));
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < whole.length;) {
    const end = at + Math.floor(random() * 9);
    pieces.push(whole.subarray(at, end));
    at = end;
  }
  return pieces;
}

Deno.test("unframed() gives back the chunks, wherever the stream was cut", async () => {
  const chunks = bytes(3, 0, 1, 40, 7);
  for (let seed = 0; seed < 50; seed++) {
    const pieces = cut([...frames(chunks)], seededRandom(seed));
    assertEquals(await unframedAll(pieces), chunks, `SEED ${seed}`);
  }
});

Deno.test("unframed() refuses a stream that ends within a frame", async () => {
  const [frame] = [...frames(bytes(9))];
  for (let end = 1; end < frame!.length; end++) {
    const error = await assertRejects(
      () => unframedAll([frame!.subarray(0, end)]),
      ConveyorError,
    );
    assertEquals(error.code, Code.DataLoss);
  }
});

Deno.test("unframed() refuses a length that no chunk has", async () => {
  const error = await assertRejects(
    () => unframedAll([new Uint8Array([255, 0, 0, 0, 1])]),
    ConveyorError,
  );
  assertEquals(error.code, Code.DataLoss);
});

Deno.test("frames() gives pieces that a store takes, whatever the chunks", async () => {
  const chunks = bytes(snapshotChunkBytesMax, 5, 0, 2 * snapshotChunkBytesMax);
  const pieces = [...frames(chunks)];
  assertEquals(pieces.map(({ length }) => length), [
    snapshotChunkBytesMax,
    snapshotChunkBytesMax,
    snapshotChunkBytesMax,
    21,
  ]);
  assertEquals(await unframedAll(pieces), chunks);
});
