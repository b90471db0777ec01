import { assertEquals, assertThrows } from "@std/assert";
import { Load } from "../../../lib/delivery/load.ts";
import { loadOf, recordsOf, Releases, viewOf } from "../../fixtures/loads.ts";

Deno.test("Load is released once nobody holds it any more", () => {
  const releases = new Releases();
  const load = loadOf(recordsOf(1, 2), 1, releases);
  load.hold();
  load.release();
  assertEquals(releases.loads, []);
  load.release();
  assertEquals(releases.loads, [load]);
  assertThrows(() => load.release(), Error, "released twice");
});

Deno.test("Load counts records, and knows the lineage of each", () => {
  const load = loadOf(recordsOf(1, 2, 3));
  assertEquals(load.countOf("all"), 3);
  assertEquals(load.countOf(Uint32Array.of(0, 2)), 2);
  assertEquals(load.lineageOf(2), 0);
  const own = new Load(
    new Releases(),
    viewOf(recordsOf(1, 2)),
    Uint32Array.of(1, 2),
    Float64Array.of(7, 8),
    0,
  );
  assertEquals([own.lineageOf(0), own.lineageOf(1)], [7, 8]);
});
