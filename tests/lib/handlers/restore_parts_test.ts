import { assert, assertEquals } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { sendParts } from "../../../lib/handlers/restore_parts.ts";
import { restorePartsInFlightMax } from "../../../lib/limits.ts";
import { seededRandom } from "../../../lib/random.ts";
import { inPieces } from "../../fixtures/backups.ts";
import { rejection } from "../../fixtures/rejection.ts";

/** Parts of one byte each, which is their number. */
function numbered(count: number): AsyncIterable<Uint8Array> {
  return inPieces(Uint8Array.from({ length: count }, (_, i) => i), 1);
}

/** Takes parts in order only, as the state does, each a while after it was sent. */
class Taker {
  readonly taken: number[] = [];
  sent = 0;
  inFlightMax = 0;
  readonly #delay: () => number;
  #inFlight = 0;

  /** `delay`: turns of the event loop until the next part comes. */
  constructor(delay: () => number) {
    this.#delay = delay;
  }

  send = async (part: number, data: Uint8Array): Promise<void> => {
    this.sent++;
    this.inFlightMax = Math.max(this.inFlightMax, ++this.#inFlight);
    for (let turns = this.#delay(); turns > 0; turns--) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    this.#inFlight--;
    if (part !== this.taken.length) throw refused("part");
    this.taken.push(data[0]!);
  };
}

function refused(field: string): ConveyorError {
  return new ConveyorError(Code.FailedPrecondition, `Cannot take ${field}`, {
    details: [{ field, description: "must be another one" }],
  });
}

const all = Array.from({ length: 50 }, (_, i) => i);

Deno.test("sendParts() has several parts on the way, and no more than are allowed", async () => {
  const taker = new Taker(() => 1);
  assertEquals(await sendParts(numbered(50), taker.send), 50);
  assertEquals(taker.taken, all);
  assertEquals(taker.sent, 50);
  assertEquals(taker.inFlightMax, restorePartsInFlightMax);
  assertEquals(await sendParts(numbered(0), taker.send), 0);
});

Deno.test("sendParts() has all parts taken in order, whichever overtake others", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  for (let round = 0; round < 20; round++) {
    const taker = new Taker(() => random() < 0.2 ? 4 : 1);
    assertEquals(await sendParts(numbered(50), taker.send), 50);
    assertEquals(taker.taken, all, `SEED ${seed}`);
  }
});

Deno.test("sendParts() sends nothing more once a part is refused for good, and leaves none on its way", async () => {
  for (const field of ["restore_id", "data"]) {
    const taker = new Taker(() => 1);
    const sending = sendParts(numbered(50), async (part, data) => {
      await taker.send(part, data);
      if (part === 10) throw refused(field);
    });
    await rejection(sending, Code.FailedPrecondition);
    assert(taker.sent <= 10 + restorePartsInFlightMax, `${taker.sent}`);
  }
});

Deno.test("sendParts() gives up when a part is out of order by itself", async () => {
  const sending = sendParts(
    numbered(3),
    (part) => part === 1 ? Promise.reject(refused("part")) : Promise.resolve(),
  );
  await rejection(sending, Code.FailedPrecondition);
});
