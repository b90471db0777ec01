import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { FieldReader } from "../../proto/field_reader.ts";
import { viewRecordsMax } from "../../lib/limits.ts";
import { RecordIds } from "../../proto/record_ids.ts";
import { WireError } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

/** Reads ids that lie in one buffer, each into the index asked for just before. */
function read(
  ids: RecordIds,
  index: () => number,
  ...messages: readonly WireWriter[]
): void {
  const writer = new WireWriter();
  for (const id of messages) writer.uint32(0x0a).bytes(id.finish());
  const reader = new FieldReader(writer.finish());
  messages.forEach(() => {
    reader.field();
    ids.read(reader, index());
  });
  assertEquals(reader.pos, reader.end);
}

Deno.test("RecordIds reads sequence numbers exactly over uint64", () => {
  const values = [
    0n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n + 1n,
    2n ** 64n - 1n,
  ];
  const ids = new RecordIds();
  read(
    ids,
    () => ids.add(0),
    ...values.map((value) => new WireWriter().uint32(0x18).uint64(value)),
  );
  assertEquals(values.map((_, i) => ids.sequence(i)), values);
});

Deno.test("RecordIds reads sequence numbers of every length behind a source that comes again", () => {
  const values = Array.from({ length: 64 }, (_, bit) => 2n ** BigInt(bit))
    .flatMap((power) => [power, 2n * power - 1n]);
  const ids = new RecordIds();
  read(
    ids,
    () => ids.add(0),
    ...values.map((value, i) =>
      new WireWriter().uint32(0x0a).string("orders")
        .uint32(0x10).uint32(i).uint32(0x18).uint64(value)
    ),
  );
  assertEquals(
    values.map((_, i) => [
      ids.sourceIds[i],
      ids.partitions[i],
      ids.sequence(i),
    ]),
    values.map((value, i) => ["orders", i, value]),
  );
});

Deno.test("RecordIds merges an id that comes twice", () => {
  const ids = new RecordIds();
  const i = ids.add(0);
  read(
    ids,
    () => i,
    new WireWriter().uint32(0x0a).string("a").uint32(0x18).uint64(9),
    new WireWriter().uint32(0x10).uint32(2 ** 32 - 1),
  );
  assertEquals(
    [ids.sourceIds[i], ids.partitions[i], ids.sequence(i)],
    ["a", 2 ** 32 - 1, 9n],
  );
});

Deno.test("RecordIds keeps all ids as its columns grow, and none when used again", () => {
  const ids = new RecordIds();
  const sequence = (i: number) => 2n ** 40n + BigInt(i);
  read(
    ids,
    () => ids.add(0),
    ...Array.from(
      { length: 300 },
      (_, i) =>
        new WireWriter().uint32(0x0a).string(`s${i}`).uint32(0x10).uint32(i)
          .uint32(0x18).uint64(sequence(i)),
    ),
  );
  for (let i = 0; i < 300; i++) {
    assertEquals(
      [ids.sourceIds[i], ids.partitions[i], ids.sequence(i)],
      [`s${i}`, i, sequence(i)],
    );
  }
  ids.reset();
  const i = ids.add(0);
  assertEquals(ids.count, 1);
  assertEquals(
    [ids.sourceIds[i], ids.partitions[i], ids.sequence(i)],
    ["", 0, 0n],
  );
});

Deno.test("RecordIds refuses more than viewRecordsMax", () => {
  const ids = new RecordIds();
  for (let i = 0; i < viewRecordsMax; i++) ids.add(i);
  const error = assertThrows(() => ids.add(7));
  assertInstanceOf(error, WireError);
  assertEquals([error.kind, error.offset], ["too_many_records", 7]);
});
