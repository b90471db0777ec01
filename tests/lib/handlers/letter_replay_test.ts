import { assertEquals } from "@std/assert";
import {
  LetterReplay,
  type LetterReplayParts,
} from "../../../lib/handlers/letter_replay.ts";
import { systemScheduler } from "../../../lib/scheduler.ts";
import type { IndexedLetter } from "../../../lib/storage/letter_index.ts";
import type { KeptLetter } from "../../../lib/storage/letter.ts";

/** A store in which each letter that is sent through leaves another one behind it. */
class Growing {
  readonly ids: string[] = ["a"];
  readonly sent: string[] = [];

  readonly parts: LetterReplayParts = {
    scheduler: systemScheduler,
    flow: {
      replay: ({ letterId }) => {
        this.sent.push(letterId);
        this.ids.push(`${letterId}b`);
        return Promise.resolve({ kind: "settled" });
      },
    },
    letters: {
      lastId: "a",
      hold: () => true,
      release: () => {},
      settle: () => Promise.resolve(),
      get: (id) => Promise.resolve({ id } as KeptLetter),
      slices: () => this.#slices(),
    },
  };

  async *#slices(): AsyncGenerator<readonly IndexedLetter[], void, void> {
    for (let at = 0; at < this.ids.length && at < 10; at++) {
      yield [{ id: this.ids[at]! } as IndexedLetter];
      // By then it has been sent.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

Deno.test("LetterReplay leaves what comes of it for the next one", async () => {
  const { parts, sent, ids } = new Growing();
  const { signal } = new AbortController();
  await Array.fromAsync(new LetterReplay(parts, false, signal).run({}));
  assertEquals([sent, ids], [["a"], ["a", "ab"]]);
});
