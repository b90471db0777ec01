import { assert, assertEquals, assertThrows } from "@std/assert";
import { BackupReader, encodeHead } from "../../../lib/backup/backup_format.ts";
import { crc32c } from "../../../lib/crc32c.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";

const head = {
  commitIndex: 2 ** 40,
  term: 3,
  createdAtMs: 1_700_000_000_000,
  services: 5,
  pipelines: 6,
};

Deno.test("BackupReader gives the head back, and what is behind it", () => {
  const bytes = new Uint8Array([...encodeHead(head), 1, 2, 3]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new BackupReader();
    const state = [
      ...reader.push(bytes.subarray(0, cut)),
      ...reader.push(bytes.subarray(cut)),
    ];
    assertEquals(state, [1, 2, 3]);
    assertEquals(reader.head, { ...head, version: 1 });
  }
});

Deno.test("BackupReader refuses the head of a newer version by name", () => {
  const bytes = encodeHead(head);
  // The version is the first field, a varint of one byte.
  assertEquals([...bytes.subarray(16, 18)], [8, 1]);
  bytes[17] = 2;
  const body = bytes.subarray(16);
  new DataView(bytes.buffer).setUint32(12, crc32c(body), true);
  const error = assertThrows(
    () => new BackupReader().push(bytes),
    ConveyorError,
  );
  assertEquals(error.code, Code.FailedPrecondition);
  assert(error.message.includes("newer"), error.message);
});

Deno.test("BackupReader.head is DataLoss before it is there", () => {
  const reader = new BackupReader();
  reader.push(encodeHead(head).subarray(0, 20));
  const error = assertThrows(() => reader.head, ConveyorError);
  assertEquals(error.code, Code.DataLoss);
});
