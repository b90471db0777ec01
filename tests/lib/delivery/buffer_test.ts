import { assertEquals, assertThrows } from "@std/assert";
import { Buffer, SourceAccount } from "../../../lib/delivery/buffer.ts";

const bounds = {
  recordsMax: 100,
  bytesMax: 1_000,
  sourceRecordsMax: 30,
  sourceBytesMax: 400,
};

Deno.test("Buffer tells the room of a source and how full it is", () => {
  const buffer = new Buffer(bounds);
  const account = new SourceAccount("a");
  assertEquals([buffer.recordRoom(account), buffer.byteRoom(account)], [
    30,
    400,
  ]);
  assertEquals(buffer.fraction(account), 0);
  buffer.addRecords(account, 15);
  buffer.addBytes(account, 100);
  assertEquals([buffer.recordRoom(account), buffer.byteRoom(account)], [
    15,
    300,
  ]);
  assertEquals(buffer.fraction(account), 0.5);
  buffer.addBytes(account, 260);
  assertEquals(buffer.fraction(account), 0.9);
});

Deno.test("Buffer leaves room for further sources beside those that are stuck", () => {
  const buffer = new Buffer({ ...bounds, sourceRecordsMax: 100 });
  const rooms: number[] = [];
  for (let n = 0; n < 5; n++) {
    const account = new SourceAccount(`${n}`);
    rooms.push(buffer.recordRoom(account));
    buffer.addRecords(account, buffer.recordRoom(account));
  }
  assertEquals(rooms, [50, 25, 12, 6, 3]);
  assertEquals(buffer.records <= bounds.recordsMax, true);
});

Deno.test("Buffer counts what stages made against the bytes of all", () => {
  const buffer = new Buffer(bounds);
  buffer.addDerived(800);
  assertEquals(buffer.byteRoom(new SourceAccount("a")), 100);
  buffer.removeDerived(800);
  assertEquals([buffer.bytes, buffer.derivedBytes], [0, 0]);
});

Deno.test("Buffer refuses to count below nothing", () => {
  const buffer = new Buffer(bounds);
  const account = new SourceAccount("a");
  buffer.addRecords(account, 1);
  buffer.removeRecords(account, 1);
  assertThrows(() => buffer.removeRecords(account, 1));
  assertThrows(() => buffer.removeBytes(account, 1));
  assertThrows(() => buffer.removeDerived(1));
});

Deno.test("Buffer lets a source that has nothing under way pass its own bound of bytes, not that of all", () => {
  const buffer = new Buffer(bounds);
  const account = new SourceAccount("a");
  const fits = (bytes: number): boolean => buffer.fits(account, bytes);
  assertEquals([fits(400), fits(401), fits(1_000), fits(1_001)], [
    true,
    true,
    true,
    false,
  ]);
  buffer.addDerived(100);
  assertEquals([fits(900), fits(901)], [true, false]);
  buffer.addRecords(account, 1);
  buffer.addBytes(account, 10);
  assertEquals([fits(390), fits(391)], [true, false]);
  // A stage may still read the bytes of records that are settled.
  buffer.removeRecords(account, 1);
  assertEquals([fits(390), fits(391)], [true, false]);
});
