/**
 * The dead letters of a node, in a Deno KV file of their own.
 *
 * - A letter is durable when its `put` resolves, and survives a crash of the process and of the
 *   machine from then on. A put that is asked for again with the same letters, because it failed,
 *   keeps none of them twice.
 * - At a bound `put` rejects with ResourceExhausted, and nothing is dropped for it. Of letters that
 *   fit only in part those that fit are kept, and the records of them are settled.
 * - A letter that is taken (`hold`) is neither removed by others nor taken twice; if it fails again it
 *   keeps its id. Letters whose time is over are removed.
 *
 * `openKvDeadLetters` makes one.
 */
import type { Clock } from "../clock.ts";
import type {
  DeadLetterPort,
  Letter,
  LetterBounds,
} from "../delivery/ports.ts";
import {
  letterMessageCharsMax,
  letterSliceMax,
  letterSweepMs,
} from "../limits.ts";
import { log } from "../log.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Kv } from "./kv.ts";
import type {
  KeptLetter,
  LetterFilter,
  LetterHead,
  LetterSinkPort,
  LetterStats,
} from "./letter.ts";
import type { LetterIds } from "./letter_id.ts";
import type { IndexedLetter, LetterIndex } from "./letter_index.ts";
import { LetterReader, portions } from "./letter_reader.ts";
import {
  bodyOf,
  keepWrites,
  type LetterBody,
  removeWrites,
  storedBytes,
} from "./letter_record.ts";
import {
  LetterRoom,
  type LetterRoomBounds,
  type Refusal,
} from "./letter_room.ts";
import { LetterTally } from "./letter_tally.ts";
import { LetterWriter } from "./letter_writer.ts";
import { checkOpen } from "./store_refusals.ts";

/** What a store is made of. */
export interface KvDeadLettersParts {
  readonly kv: Kv;
  /** What the store is called in messages. */
  readonly place: string;
  readonly nodeId: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** What the KV holds. */
  readonly index: LetterIndex;
  readonly ids: LetterIds;
  /** Higher than every one in the KV. */
  readonly generation: number;
  readonly bounds: LetterRoomBounds;
  /** How long a letter is kept where its pipeline does not say. */
  readonly ageMs: number;
  readonly sinks: LetterSinkPort;
}

/** Under which id a letter is kept, for it to be the same when it is put again. */
interface Place {
  readonly id: string;
  readonly generation: number;
  kept: boolean;
}

/** A letter on its way to the disk. */
interface Draft {
  readonly place: Place;
  readonly head: LetterHead;
  readonly body: LetterBody;
  readonly record: Uint8Array;
  /** The body that this one replaces. */
  readonly old: LetterBody | undefined;
}

/** The dead letters of a node. */
export class KvDeadLetters implements DeadLetterPort, AsyncDisposable {
  readonly #parts: KvDeadLettersParts;
  readonly #writer: LetterWriter;
  readonly #reader: LetterReader;
  readonly #room: LetterRoom;
  readonly #places: WeakMap<Letter, Place> = new WeakMap();
  readonly #stopping: AbortController = new AbortController();
  #generation: number;
  #cancelSweep: () => void;
  #sweeping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: KvDeadLettersParts) {
    const { kv, place, index, bounds, scheduler } = parts;
    this.#parts = parts;
    this.#writer = new LetterWriter(kv);
    this.#reader = new LetterReader(kv, place, index, scheduler);
    this.#room = new LetterRoom(index, bounds);
    this.#generation = parts.generation;
    this.#cancelSweep = this.#sweepLater();
  }

  /** How many letters there are. */
  get count(): number {
    return this.#parts.index.count;
  }

  /** The highest id that there is; empty when there is none. */
  get lastId(): string {
    return this.#parts.index.lastId;
  }

  /** Bytes that they take. */
  get bytes(): number {
    return this.#parts.index.bytes;
  }

  async put(letters: readonly Letter[], bounds: LetterBounds): Promise<number> {
    const { sinkService } = bounds;
    if (sinkService === "") return await this.#keep(letters, bounds);
    // A letter that was kept here once and failed again stays here, with its history.
    const returned = letters.filter(({ replayOf }) => replayOf !== undefined);
    const others = letters.filter(({ replayOf }) => replayOf === undefined);
    const { sinks } = this.#parts;
    // What the sink will never take has no other place either.
    const refused = others.length === 0
      ? []
      : await sinks.put(sinkService, others, this.#stopping.signal);
    if (refused.length > 0) {
      log.warn("A sink of dead letters refused some, which are kept here", {
        sinkService,
        letters: refused.length,
      });
    }
    const here = [...returned, ...refused];
    for (let kept = 0; kept < here.length;) {
      kept += await this.#keep(here.slice(kept), bounds);
    }
    return letters.length;
  }

  /** A letter; undefined when it is not kept. */
  async get(id: string): Promise<KeptLetter | undefined> {
    checkOpen(this.#closing !== undefined);
    const { index, clock, nodeId } = this.#parts;
    const letter = index.get(id);
    if (letter === undefined || index.isOver(id, clock.nowMs())) {
      return undefined;
    }
    const read = await this.#reader.read(letter);
    return read && { ...read, nodeId };
  }

  /** The letters that `filter` selects and whose ids come after `after`, ascending by id. */
  async *list(
    filter: LetterFilter = {},
    after = "",
  ): AsyncGenerator<KeptLetter, void, void> {
    const { nodeId } = this.#parts;
    for await (const letters of this.slices(filter, after)) {
      for (const some of portions(letters)) {
        checkOpen(this.#closing !== undefined);
        const read = await Promise.all(
          some.map((letter) => this.#reader.read(letter)),
        );
        for (const letter of read) if (letter) yield { ...letter, nodeId };
      }
    }
  }

  /** What is known in memory of the letters that `filter` selects, ascending by id, some at a time. */
  async *slices(
    filter: LetterFilter = {},
    after = "",
  ): AsyncGenerator<readonly IndexedLetter[], void, void> {
    const { index, clock, scheduler } = this.#parts;
    for (let from: string | undefined = after; from !== undefined;) {
      checkOpen(this.#closing !== undefined);
      const slice = index.slice(filter, clock.nowMs(), from, letterSliceMax);
      yield slice.letters;
      from = slice.next;
      await new Promise<void>((resolve) => scheduler.soon(resolve));
    }
  }

  /** How many letters `filter` selects. */
  async stats(filter: LetterFilter = {}): Promise<LetterStats> {
    const tally = new LetterTally();
    for await (const letters of this.slices(filter)) tally.add(letters);
    return tally.stats();
  }

  /** Takes a letter, so that nobody else removes or takes it; false when it cannot be had. */
  hold(id: string): boolean {
    return this.#parts.index.hold(id);
  }

  /** Gives back a letter that was taken. */
  release(id: string): void {
    this.#parts.index.release(id);
  }

  /** Removes a letter that was taken, and gives it back. */
  async settle(id: string): Promise<void> {
    checkOpen(this.#closing !== undefined);
    const letter = this.#parts.index.get(id);
    if (letter) await this.#remove([letter]);
  }

  /** Removes the letters that `filter` selects, but for those that are taken; how many that were. */
  async discard(filter: LetterFilter): Promise<number> {
    let discarded = 0;
    for await (const letters of this.slices(filter)) {
      const free = letters.filter(({ id }) => this.hold(id));
      await this.#remove(free);
      discarded += free.length;
    }
    return discarded;
  }

  /** Takes no more; resolves when what is under way is done. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#cancelSweep();
    this.#stopping.abort();
    await this.#sweeping;
    await this.#reader.idle();
    await this.#writer.idle();
    this.#parts.kv.close();
  }

  /** Keeps the first of the letters that there is room for; resolves with how many, one at least. */
  async #keep(
    letters: readonly Letter[],
    bounds: LetterBounds,
  ): Promise<number> {
    checkOpen(this.#closing !== undefined);
    const { index } = this.#parts;
    const { drafts, count, refusal } = this.#admit(letters, bounds);
    try {
      await this.#writer.write(writesOf(drafts));
      for (const { head, body, place } of drafts) {
        index.add(head, body);
        place.kept = true;
      }
    } finally {
      for (const { head, body, old } of drafts) {
        if (!old) this.#room.give(head.pipelineId, storedBytes(head, body));
      }
    }
    if (refusal && count === 0) throw refusal;
    return count;
  }

  /** Finds places for the letters; for those before the first that there is no room for: so many. */
  #admit(
    letters: readonly Letter[],
    bounds: LetterBounds,
  ): {
    readonly drafts: readonly Draft[];
    readonly count: number;
    readonly refusal: Refusal;
  } {
    const { index, ageMs } = this.#parts;
    const drafts: Draft[] = [];
    for (const [count, letter] of letters.entries()) {
      if (letter.keptAs && index.get(letter.keptAs)) continue;
      const place = this.#placeOf(letter);
      if (place.kept) continue;
      const head = headOf(letter, place.id, bounds.ageMsMax ?? ageMs);
      const { record } = letter;
      const body = bodyOf(record.length, place.generation);
      const old = index.get(place.id)?.body;
      // One that is kept already is kept on, whatever the bounds are by now.
      if (!old) {
        const { pipelineId } = head;
        const bytes = storedBytes(head, body);
        const refusal = this.#room.take(pipelineId, bytes, bounds.recordsMax);
        if (refusal) {
          // It was never on its way to the disk: its id is made when there is room.
          this.#places.delete(letter);
          return { drafts, count, refusal };
        }
      }
      drafts.push({ place, head, body, record, old });
    }
    return { drafts, count: letters.length, refusal: undefined };
  }

  #placeOf(letter: Letter): Place {
    let place = this.#places.get(letter);
    if (place === undefined) {
      const { index, ids, clock } = this.#parts;
      const { replayOf, keptAs } = letter;
      const id = replayOf !== undefined && index.returnsTo(replayOf)
        ? replayOf
        : keptAs ?? ids.next(clock.nowMs());
      place = { id, generation: this.#generation++, kept: false };
      this.#places.set(letter, place);
    }
    return place;
  }

  /** Removes letters that were taken for it. */
  async #remove(letters: readonly IndexedLetter[]): Promise<void> {
    const { index } = this.#parts;
    try {
      await this.#writer.write(removalsOf(letters));
      for (const { id } of letters) index.remove(id);
    } finally {
      for (const { id } of letters) index.release(id);
    }
  }

  #sweepLater(): () => void {
    return this.#parts.scheduler.after(letterSweepMs, () => {
      this.#sweeping = this.#sweep().catch((error) => {
        log.warn("Cannot remove dead letters whose time is over", { error });
      }).finally(() => {
        if (!this.#closing) this.#cancelSweep = this.#sweepLater();
      });
    });
  }

  async #sweep(): Promise<void> {
    const { index, clock } = this.#parts;
    let removed = 0;
    while (!this.#closing) {
      const over = index.expired(clock.nowMs(), letterSliceMax);
      if (over.length === 0) break;
      await this.#remove(over.filter(({ id }) => index.hold(id)));
      removed += over.length;
    }
    if (removed > 0) {
      log.info("Removed dead letters whose time was over", { removed });
    }
  }
}

function headOf(letter: Letter, id: string, ageMs: number): LetterHead {
  const { pipelineId, stageId, errorCode, errorMessage, attempts } = letter;
  const { firstFailureMs, lastFailureMs, lineage } = letter;
  return {
    id,
    pipelineId,
    stageId,
    lineage,
    errorCode,
    errorMessage: errorMessage.length > letterMessageCharsMax
      ? `${errorMessage.slice(0, letterMessageCharsMax)}…`
      : errorMessage,
    attempts,
    firstFailureMs,
    lastFailureMs,
    expiresAtMs: lastFailureMs + ageMs,
  };
}

function* writesOf(
  drafts: readonly Draft[],
): ReturnType<typeof keepWrites> {
  for (const { head, body, record, old } of drafts) {
    yield* keepWrites(head, body, record, old);
  }
}

function* removalsOf(
  letters: readonly IndexedLetter[],
): ReturnType<typeof removeWrites> {
  for (const { id, body } of letters) yield* removeWrites(id, body);
}
