import { assert, assertEquals } from "@std/assert";
import { SourceAccount } from "../../../lib/delivery/buffer.ts";
import {
  newRecord,
  PartitionWindow,
  settledRecord,
} from "../../../lib/delivery/partition_window.ts";
import { seededRandom } from "../../../lib/random.ts";

/** A window beside a plain record of what it is told: entries by slot. */
class Setup {
  readonly entryOf = new Map<number, number>();
  readonly window: PartitionWindow;
  #slots = 0;
  /** How often a record in flight was given another entry. */
  moves = 0;

  constructor(committed?: bigint) {
    this.window = new PartitionWindow(
      new SourceAccount("orders"),
      3,
      { entryMoved: (slot, entry) => this.#keep(slot, entry) },
      committed,
    );
  }

  /** Admits a sequence number: the new slot, or what the window answers. */
  admit(sequence: bigint | number): { kind: string; slot: number } {
    const slot = ++this.#slots;
    const [low, high] = halves(BigInt(sequence));
    const answer = this.window.admit(low, high, slot);
    if (answer === newRecord) {
      this.entryOf.set(slot, this.window.entry >>> 0);
      return { kind: "new", slot };
    }
    return answer === settledRecord
      ? { kind: "settled", slot: 0 }
      : { kind: "joined", slot: answer };
  }

  /** As an owner that has 32 bits for it. */
  #keep(slot: number, entry: number): void {
    this.moves++;
    this.entryOf.set(slot, entry >>> 0);
  }

  settle(slot: number): boolean {
    return this.window.settle(this.entryOf.get(slot)!);
  }

  refuse(sequence: bigint | number, untilMs: number): void {
    const [low, high] = halves(BigInt(sequence));
    this.window.refuse(low, high, untilMs);
  }
}

function halves(sequence: bigint): [number, number] {
  return [Number(sequence & 0xffff_ffffn), Number(sequence >> 32n)];
}

Deno.test("PartitionWindow raises the offset over what is settled without a gap in flight", () => {
  const setup = new Setup();
  const [one, two, five] = [1, 2, 5].map((n) => setup.admit(n).slot);
  assertEquals(setup.window.offset, undefined);
  assertEquals(setup.settle(two!), false);
  assertEquals(setup.window.offset, undefined);
  assertEquals(setup.settle(one!), true);
  assertEquals(setup.window.offset, 2n);
  setup.settle(five!);
  assertEquals(setup.window.offset, 5n);
  assertEquals(setup.window.isEmpty, true);
});

Deno.test("PartitionWindow tells what is settled, in flight, and new", () => {
  const setup = new Setup(10n);
  assertEquals(setup.admit(10).kind, "settled");
  const first = setup.admit(11);
  assertEquals(first.kind, "new");
  assertEquals(setup.admit(11), { kind: "joined", slot: first.slot });
  const third = setup.admit(13).slot;
  setup.settle(third);
  assertEquals(setup.admit(13).kind, "settled");
  assertEquals(setup.admit(12).kind, "new");
});

Deno.test("PartitionWindow is exact over the whole range of sequence numbers", () => {
  const top = 2n ** 64n - 1n;
  const setup = new Setup();
  const zero = setup.admit(0).slot;
  const slots = [2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, top]
    .map((sequence) => setup.admit(sequence).slot);
  assertEquals(setup.admit(2n ** 53n).kind, "new");
  setup.settle(zero);
  assertEquals(setup.window.offset, 0n);
  for (const slot of slots.slice(0, 2)) setup.settle(slot);
  assertEquals(setup.window.offset, 2n ** 32n);
  assertEquals(setup.admit(top).kind, "joined");
});

Deno.test("PartitionWindow lets refused records hold the offset back until their time is over", () => {
  const setup = new Setup();
  const one = setup.admit(1).slot;
  setup.refuse(2, 100);
  const three = setup.admit(3).slot;
  setup.settle(one);
  setup.settle(three);
  assertEquals(setup.window.offset, 1n);
  assertEquals(setup.window.holdsRefused, true);
  assertEquals(setup.window.expire(99), false);
  // Sent again in time it is processed.
  assertEquals(setup.admit(2).kind, "new");
  const other = new Setup();
  other.refuse(2, 100);
  other.settle(other.admit(3).slot);
  other.window.expire(100);
  assertEquals(other.window.offset, 3n);
});

Deno.test("PartitionWindow forgets refused records behind which none is settled, and raises no offset for them", () => {
  const setup = new Setup();
  setup.refuse(1, 100);
  setup.refuse(2, 100);
  assertEquals(setup.window.expire(100), false);
  assertEquals([setup.window.offset, setup.window.isEmpty], [undefined, true]);
  assertEquals(setup.admit(1).kind, "new");
  const other = new Setup(5n);
  other.refuse(6, 100);
  const seven = other.admit(7).slot;
  other.refuse(8, 100);
  assertEquals(other.window.expire(100), false);
  assertEquals(other.settle(seven), true);
  assertEquals(other.window.offset, 7n);
  assertEquals(other.window.expire(100), false);
  assertEquals([other.window.offset, other.window.isEmpty], [7n, true]);
});

Deno.test("PartitionWindow keeps the others of a run refused when one of it comes again", () => {
  for (const again of [6, 7, 8]) {
    const setup = new Setup(5n);
    for (const sequence of [6, 7, 8]) setup.refuse(sequence, 100);
    setup.settle(setup.admit(again).slot);
    setup.settle(setup.admit(9).slot);
    assertEquals(setup.window.offset, again === 6 ? 6n : 5n);
    for (const sequence of [6, 7, 8]) {
      const { kind, slot } = setup.admit(sequence);
      assertEquals(kind, sequence === again ? "settled" : "new");
      if (kind === "new") setup.settle(slot);
    }
    assertEquals([setup.window.offset, setup.window.isEmpty], [9n, true]);
  }
});

Deno.test("PartitionWindow is told of as holding back for as long as it has refused records anywhere", () => {
  const setup = new Setup();
  const one = setup.admit(1).slot;
  setup.refuse(2, 100);
  const three = setup.admit(3).slot;
  setup.window.expire(200);
  assertEquals(setup.window.holdsRefused, true);
  setup.settle(one);
  setup.settle(three);
  setup.window.expire(300);
  assertEquals([setup.window.offset, setup.window.holdsRefused], [3n, false]);
});

Deno.test("PartitionWindow holds back until what was refused has come again from the offset on, gaps or not", () => {
  const setup = new Setup(0n);
  const sequences = Array.from({ length: 200 }, (_, i) => i * 3 + 1);
  setup.window.refusedUntilMs = Infinity;
  for (const sequence of sequences) setup.refuse(sequence, 100);
  setup.settle(setup.admit(1_000).slot);
  setup.window.expire(1_000);
  assertEquals(setup.window.offset, 0n);
  for (const sequence of sequences) {
    const { kind, slot } = setup.admit(sequence);
    assertEquals(kind, "new");
    setup.settle(slot);
  }
  assertEquals([setup.window.offset, setup.window.isEmpty], [1_000n, true]);
});

Deno.test("PartitionWindow lets nothing of what came before it was there be passed, and takes it", () => {
  const setup = new Setup(5n);
  setup.window.refusedBefore(100);
  assertEquals(setup.window.isEmpty, false);
  for (let sequence = 20; sequence < 200; sequence += 2) {
    setup.settle(setup.admit(sequence).slot);
  }
  assertEquals(setup.window.offset, 5n);
  const ten = setup.admit(10);
  const odd = setup.admit(31);
  assertEquals([ten.kind, odd.kind], ["new", "new"]);
  setup.settle(ten.slot);
  setup.settle(odd.slot);
  assertEquals([setup.window.offset, setup.window.expire(99)], [5n, false]);
  assertEquals(setup.window.expire(100), true);
  assertEquals([setup.window.offset, setup.window.isEmpty], [198n, true]);
});

Deno.test("PartitionWindow lets a record that was given back come again", () => {
  const setup = new Setup();
  const one = setup.admit(1).slot;
  setup.window.giveBack(setup.entryOf.get(one)!, 50);
  assertEquals(setup.admit(1).kind, "new");
});

Deno.test("PartitionWindow takes an offset that somebody else committed", () => {
  const setup = new Setup();
  const five = setup.admit(5).slot;
  setup.window.raise(7n);
  assertEquals(setup.window.offset, 7n);
  setup.window.raise(3n);
  assertEquals(setup.window.offset, 7n);
  assertEquals(setup.admit(6).kind, "settled");
  setup.settle(five);
  assertEquals([setup.window.isEmpty, setup.window.offset], [true, 7n]);
});

Deno.test("PartitionWindow stays as small as what is in flight behind one record that takes long", () => {
  const setup = new Setup();
  const slow = setup.admit(1).slot;
  for (let sequence = 2; sequence < 100_000; sequence++) {
    setup.settle(setup.admit(sequence).slot);
  }
  assert(setup.window.entries < 100, `${setup.window.entries} entries`);
  assertEquals(setup.admit(50_000).kind, "settled");
  setup.settle(slow);
  assertEquals(setup.window.offset, 99_999n);
});

Deno.test("PartitionWindow raises the offset when all that was refused has come again, however many and wherever they begin", () => {
  for (const committed of [undefined, 50n]) {
    const setup = new Setup(committed);
    for (let n = 101; n <= 2_100; n++) setup.refuse(n, 60_000);
    for (let n = 101; n <= 2_100; n++) {
      const { kind, slot } = setup.admit(n);
      assertEquals(kind, "new");
      setup.settle(slot);
    }
    assertEquals(setup.window.offset, 2_100n);
    assertEquals(setup.window.holdsRefused, false);
  }
});

Deno.test("PartitionWindow raises the offset when what was refused between settled ones has come again", () => {
  const setup = new Setup();
  for (let n = 1; n <= 500; n++) setup.refuse(n, 60_000);
  for (let n = 501; n <= 1_000; n++) setup.settle(setup.admit(n).slot);
  for (let n = 1_001; n <= 2_000; n++) setup.refuse(n, 60_000);
  for (const first of [1, 1_001]) {
    for (let n = first; n < first + 500; n++) {
      setup.settle(setup.admit(n).slot);
    }
  }
  assertEquals(setup.window.offset, 1_500n);
});

Deno.test("PartitionWindow moves few entries for a late record, however many are ahead of it or behind", () => {
  const setup = new Setup();
  const slots = [10, 20, 30].map((n) => setup.admit(n).slot);
  for (let n = 1_001; n <= 2_000; n++) slots.push(setup.admit(2 * n).slot);
  for (const late of [25, 5, 3_999]) slots.push(setup.admit(late).slot);
  assert(setup.moves <= 6, `${setup.moves} entries were moved`);
  for (const slot of slots) setup.settle(slot);
  assertEquals(setup.window.offset, 4_000n);
  assertEquals(setup.window.isEmpty, true);
});

Deno.test("PartitionWindow agrees with a plain model over any order of records and acks", () => {
  const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
  const random = seededRandom(seed);
  for (let round = 0; round < 60; round++) {
    const setup = new Setup();
    const inFlight = new Map<number, number>();
    const settled = new Set<number>();
    let top = 0;
    for (let step = 0; step < 400; step++) {
      if (random() < 0.55) {
        const sequence = random() < 0.7
          ? top + 1 + Math.floor(random() * 3)
          : Math.max(1, top - Math.floor(random() * 40));
        top = Math.max(top, sequence);
        const offset = Number(setup.window.offset ?? 0n);
        const { kind, slot } = setup.admit(sequence);
        const known = inFlight.get(sequence);
        if (known !== undefined) {
          assertEquals([kind, slot], ["joined", known], `SEED ${seed}`);
        } else if (settled.has(sequence) || sequence <= offset) {
          assertEquals(kind, "settled", `SEED ${seed}`);
        } else {
          // What lies in a gap between settled ones may be told as settled once they are merged.
          if (kind === "new") inFlight.set(sequence, slot);
          else assert([...settled].some((n) => n > sequence), `SEED ${seed}`);
        }
      } else if (inFlight.size > 0) {
        const all = [...inFlight];
        const [sequence, slot] = all[Math.floor(random() * all.length)]!;
        setup.settle(slot);
        inFlight.delete(sequence);
        settled.add(sequence);
      }
      const lowest = Math.min(...inFlight.keys(), Infinity);
      const below = [...settled].filter((n) => n < lowest);
      const expected = below.length === 0
        ? undefined
        : BigInt(Math.max(...below));
      assertEquals(setup.window.offset, expected, `SEED ${seed}`);
    }
  }
});

Deno.test("PartitionWindow takes no refused record for settled, in any order of records, acks and refusals", () => {
  const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
  const random = seededRandom(seed);
  for (let round = 0; round < 200; round++) {
    const setup = new Setup(random() < 0.5 ? undefined : 0n);
    const inFlight = new Map<number, number>();
    const refused = new Set<number>();
    let top = 0;
    const say = `SEED ${seed}, round ${round}`;
    const any = <T>(all: Iterable<T>): T | undefined => {
      const list = [...all];
      return list[Math.floor(random() * list.length)];
    };
    const next = (): number => top += 1 + Math.floor(random() * 3);
    for (let step = 0; step < 300; step++) {
      const roll = random();
      if (roll < 0.5) {
        const sequence = (roll < 0.2 ? any(refused) : undefined) ?? next();
        const { kind, slot } = setup.admit(sequence);
        assertEquals(kind, "new", `${say}: ${sequence}`);
        inFlight.set(sequence, slot);
        refused.delete(sequence);
      } else if (roll < 0.6) {
        const sequence = any(inFlight.keys());
        if (sequence === undefined) continue;
        setup.window.giveBack(
          setup.entryOf.get(inFlight.get(sequence)!)!,
          1_000,
        );
        inFlight.delete(sequence);
        refused.add(sequence);
      } else if (roll < 0.75) {
        // Refused when it comes first, or while it is under way: then the first copy counts.
        const again = random() < 0.3 ? any(inFlight.keys()) : undefined;
        const sequence = again ?? next();
        setup.refuse(sequence, 1_000);
        if (again === undefined) refused.add(sequence);
      } else {
        const sequence = any(inFlight.keys());
        if (sequence === undefined) continue;
        setup.settle(inFlight.get(sequence)!);
        inFlight.delete(sequence);
      }
      const open = Math.min(...inFlight.keys(), ...refused, Infinity);
      assert(Number(setup.window.offset ?? -1n) < open, `${say}: ${open}`);
      const joined = any(inFlight.keys());
      if (joined !== undefined) {
        const { kind, slot } = setup.admit(joined);
        assertEquals([kind, slot], ["joined", inFlight.get(joined)], say);
      }
    }
    for (const sequence of refused) {
      const { kind, slot } = setup.admit(sequence);
      assertEquals(kind, "new", `${say}: ${sequence}`);
      inFlight.set(sequence, slot);
    }
    for (const slot of inFlight.values()) setup.settle(slot);
    setup.window.expire(1_000);
    assertEquals(setup.window.isEmpty, true, say);
    assertEquals(setup.window.offset, BigInt(top), say);
  }
});
