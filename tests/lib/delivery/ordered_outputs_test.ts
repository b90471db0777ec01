import { assert, assertEquals } from "@std/assert";
import type { Load, Records } from "../../../lib/delivery/load.ts";
import { OrderedOutputs } from "../../../lib/delivery/ordered_outputs.ts";
import { seededRandom } from "../../../lib/random.ts";
import { loadOf, recordsOf, Releases } from "../../fixtures/loads.ts";

function collector() {
  const given: number[] = [];
  const parts: Records[] = [];
  return {
    given,
    parts,
    each: (load: Load, records: Records) => {
      parts.push(records);
      const { count, ids } = load.view;
      const all = records === "all" ? Array(count).keys() : records;
      for (const i of all) given.push(ids.sequenceLows[i]!);
    },
  };
}

Deno.test("OrderedOutputs gives a whole load on as such", () => {
  const outputs = new OrderedOutputs();
  const { each, parts, given } = collector();
  outputs.begin(2);
  outputs.addLoad(loadOf(recordsOf(1, 2, 3)));
  outputs.made(0, 0, 1);
  outputs.made(1, 1, 3);
  outputs.drain(each);
  assertEquals(given, [1, 2, 3]);
  assertEquals(parts, ["all"]);
});

Deno.test("OrderedOutputs gives on, or up, a load that is the outputs of all records", () => {
  const outputs = new OrderedOutputs();
  const { each, parts, given } = collector();
  const releases = new Releases();
  outputs.begin(2);
  outputs.addLoad(loadOf(recordsOf(1, 2), 5, releases));
  outputs.madeAll();
  outputs.drain(each);
  outputs.drain(each);
  assertEquals([given, parts], [[1, 2], ["all"]]);
  assertEquals(releases.loads.length, 1);
  outputs.begin(2);
  outputs.addLoad(loadOf(recordsOf(1, 2), 5, releases));
  outputs.madeAll();
  const slots: number[] = [];
  outputs.giveUp((slot) => slots.push(slot));
  assertEquals(slots, [5, 6]);
  assertEquals(releases.loads.length, 2);
  outputs.drain(each);
  assertEquals(given, [1, 2]);
});

Deno.test("OrderedOutputs lets nothing overtake a record that is tried again", () => {
  const releases = new Releases();
  const outputs = new OrderedOutputs();
  const { each, given } = collector();
  outputs.begin(3);
  outputs.addLoad(loadOf(recordsOf(10, 30), 1, releases));
  outputs.made(0, 0, 1);
  outputs.made(2, 1, 2);
  outputs.drain(each);
  assertEquals(given, [10]);
  outputs.addLoad(loadOf(recordsOf(20, 21), 1, releases));
  outputs.made(1, 0, 2);
  outputs.drain(each);
  assertEquals(given, [10, 20, 21, 30]);
  assertEquals(releases.loads.length, 2);
});

Deno.test("OrderedOutputs lets go of a load once all of it is given on, though others are to come", () => {
  const releases = new Releases();
  const outputs = new OrderedOutputs();
  const { each } = collector();
  outputs.begin(3);
  outputs.addLoad(loadOf(recordsOf(1, 3), 1, releases));
  outputs.made(0, 0, 1);
  outputs.made(2, 1, 2);
  outputs.drain(each);
  assertEquals(releases.loads.length, 0);
  outputs.addLoad(loadOf(recordsOf(2), 1, releases));
  outputs.made(1, 0, 1);
  outputs.drain(each);
  assertEquals(releases.loads.length, 2);
  outputs.begin(2);
  outputs.addLoad(loadOf(recordsOf(4), 1, releases));
  outputs.made(0, 0, 1);
  outputs.drain(each);
  assertEquals(releases.loads.length, 3);
  outputs.giveUp(() => assert(false, "all that was made is given on"));
  assertEquals(releases.loads.length, 3);
});

Deno.test("OrderedOutputs passes over what came to nothing", () => {
  const outputs = new OrderedOutputs();
  const { each, given } = collector();
  outputs.begin(3);
  outputs.addLoad(loadOf(recordsOf(1, 3)));
  outputs.made(0, 0, 1);
  outputs.ended(1);
  outputs.made(2, 1, 2);
  outputs.drain(each);
  assertEquals(given, [1, 3]);
});

Deno.test("OrderedOutputs tells the slots of what it gives up", () => {
  const releases = new Releases();
  const outputs = new OrderedOutputs();
  outputs.begin(3);
  outputs.addLoad(loadOf(recordsOf(1, 2, 3), 50, releases));
  outputs.made(1, 0, 2);
  outputs.ended(2);
  const slots: number[] = [];
  outputs.giveUp((slot) => slots.push(slot));
  assertEquals(slots, [50, 51]);
  assertEquals(releases.loads.length, 1);
});

Deno.test("OrderedOutputs keeps the order of positions however answers come", () => {
  const seed = 5;
  const random = seededRandom(seed);
  const outputs = new OrderedOutputs();
  for (let round = 0; round < 300; round++) {
    const count = 1 + Math.floor(random() * 20);
    const order = [...Array(count).keys()].sort(() => random() - 0.5);
    const expected: number[] = [];
    const { each, given } = collector();
    outputs.begin(count);
    const sizes = order.map(() => Math.floor(random() * 3));
    for (let at = 0; at < count;) {
      // One answer about some positions: its outputs are one load.
      const answered = order.slice(at, at += 1 + Math.floor(random() * 5));
      const sequences = answered.flatMap((position) =>
        Array.from({ length: sizes[position]! }, (_, n) => position * 10 + n)
      );
      outputs.addLoad(loadOf(recordsOf(...sequences)));
      let start = 0;
      for (const position of answered) {
        outputs.made(position, start, start += sizes[position]!);
      }
      outputs.drain(each);
    }
    for (let position = 0; position < count; position++) {
      for (let n = 0; n < sizes[position]!; n++) {
        expected.push(position * 10 + n);
      }
    }
    assertEquals(given, expected, `SEED ${seed}`);
  }
});
