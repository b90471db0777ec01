import { assertEquals } from "@std/assert";
import { EntryCopier } from "../../../lib/raft/entry_copy.ts";
import { entry } from "../../fixtures/raft_network.ts";

Deno.test("EntryCopier copy() keeps no buffer of the caller", () => {
  const given = [entry(1, 5, "ab"), entry(2, 6), entry(2, 7, "c")];
  const copies = new EntryCopier().copy(given);
  assertEquals(copies, given);
  for (const { data } of given) data.fill(0);
  assertEquals(copies, [entry(1, 5, "ab"), entry(2, 6), entry(2, 7, "c")]);
});

Deno.test("EntryCopier copy() leaves out what comes before the start", () => {
  const given = [entry(1, 5, "ab"), entry(2, 6, "c")];
  assertEquals(new EntryCopier().copy(given, 1), [entry(2, 6, "c")]);
});

Deno.test("EntryCopier number() gives term and index, and keeps no buffer of the caller", () => {
  const given = [entry(0, 0, "ab"), entry(0, 0, "c", "confChange")];
  const numbered = new EntryCopier().number(given, 3, 8);
  for (const { data } of given) data.fill(0);
  assertEquals(numbered, [entry(3, 8, "ab"), entry(3, 9, "c", "confChange")]);
});

Deno.test("EntryCopier keeps every entry whole, whatever the sizes", () => {
  const copier = new EntryCopier();
  const sizes = [0, 1, 8191, 8192, 8193, 60_000, 70_000, 8192, 8192, 8192];
  const given = [...sizes, ...sizes, ...sizes].map((size, at) => ({
    ...entry(1, at),
    data: new Uint8Array(size).fill(at + 1),
  }));
  const copies = given.map((one) => copier.copy([one])[0]!);
  assertEquals(
    copies.map(({ data }) => [data.length, new Set(data).size]),
    given.map(({ data }) => [data.length, Math.min(1, data.length)]),
  );
  assertEquals(copies, given);
});

Deno.test("EntryCopier lets small data share a buffer, and large data have its own", () => {
  const copier = new EntryCopier();
  const of = (bytes: number) => ({
    ...entry(1, 1),
    data: new Uint8Array(bytes),
  });
  const [one, other, large] = copier.copy([of(10), of(20), of(9000)]);
  assertEquals(one!.data.buffer === other!.data.buffer, true);
  assertEquals(large!.data.buffer.byteLength, 9000);
});
