import { assert, assertEquals, assertThrows } from "@std/assert";
import { crc32c } from "../../../lib/crc32c.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { seededRandom } from "../../../lib/random.ts";
import { snapshotEntries } from "../../../lib/state/snapshot_reader.ts";
import { snapshotChunks } from "../../../lib/state/snapshot_writer.ts";
import type { SnapshotEntries } from "../../../lib/state/types.ts";
import { bytesOf } from "../../fixtures/machine.ts";

const pipelines = Array.from({ length: 40 }, (_, i) => ({
  pipeline: {
    pipelineId: `p${i}`,
    config: new Uint8Array(20_000).fill(i),
    enabled: true,
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
  },
}));
const chunks = [...snapshotChunks([pipelines])];

function read(chunks: Iterable<Uint8Array>): unknown[] {
  return [...snapshotEntries(chunks)];
}

function refusal(chunks: Iterable<Uint8Array>, code = Code.DataLoss): string {
  const error = assertThrows(() => read(chunks), ConveyorError);
  assertEquals(error.code, code, error.message);
  return error.message;
}

/** One chunk of entries in bytes, with a right checksum. */
function framed(content: readonly number[]): Uint8Array {
  const bytes = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, ...content]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length, true);
  view.setUint32(4, crc32c(bytes.subarray(8)), true);
  return bytes;
}

const header = [4, 10, 2, 8, 1];

Deno.test("snapshotEntries() gives the entries back, wherever the chunks are cut", () => {
  assert(chunks.length > 2);
  assertEquals(read(chunks), pipelines);
  const all = bytesOf(chunks);
  const random = seededRandom(1);
  const cut: Uint8Array[] = [];
  for (let at = 0; at < all.length;) {
    const end = at + 1 + Math.floor(random() * 100_000);
    cut.push(all.subarray(at, end));
    at = end;
  }
  assertEquals(read(cut), pipelines);
});

Deno.test("snapshotEntries() finds any damaged byte", () => {
  const all = bytesOf(chunks);
  for (let at = 0; at < all.length; at += at < 40 ? 1 : 9_973) {
    const damaged = all.slice();
    damaged[at]! ^= 1;
    assert(refusal([damaged]).startsWith("Cannot restore snapshot: "));
  }
});

Deno.test("snapshotEntries() finds chunks that are lost, repeated or out of place", () => {
  const [first, second, third, ...rest] = chunks;
  assert(first && second && third);
  refusal([]);
  refusal(chunks.slice(1));
  refusal(chunks.slice(0, -1));
  refusal([first, third, ...rest]);
  refusal([first, second, second, third, ...rest]);
  refusal([first, third, second, ...rest]);
  refusal([...chunks, ...chunks]);
  const all = bytesOf(chunks);
  for (const end of [7, 8, 100, all.length - 1]) {
    refusal([all.subarray(0, end)]);
  }
});

Deno.test("snapshotEntries() says what is wrong with a whole chunk", () => {
  const parts: SnapshotEntries = [];
  assertEquals(read(snapshotChunks([parts])), []);
  assertEquals(
    refusal([framed(header)]),
    "Cannot restore snapshot: it is cut short",
  );
  assertEquals(
    refusal([framed([...header, 4])]),
    "Cannot restore snapshot: it is cut short inside an entry",
  );
  assertEquals(
    refusal([framed([3, 122, 1, 8])]),
    "Cannot restore snapshot: Cannot read message: the bytes end inside a varint at byte 3",
  );
  assertEquals(
    refusal([framed([2, 122, 0])]),
    "Cannot restore snapshot: it does not start with its version",
  );
  assertEquals(
    refusal([framed([...header, 4, 122, 2, 8, 9])]),
    "Cannot restore snapshot: it has 1 entries of 9",
  );
  assertEquals(
    refusal([framed([...header, 4, 122, 2, 8, 1, 0])]),
    "Cannot restore snapshot: there is more after its end",
  );
  assertEquals(
    refusal([framed([0xff, 0xff, 0xff, 0xff, 0x0f])]),
    "Cannot restore snapshot: Cannot read message: a length is over 2 GiB at byte 0",
  );
});

Deno.test("snapshotEntries() refuses a form that is newer", () => {
  assertEquals(
    refusal([framed([4, 10, 2, 8, 2])], Code.FailedPrecondition),
    "Cannot restore snapshot: its form 2 is newer than 1, the newest that this version reads",
  );
});
