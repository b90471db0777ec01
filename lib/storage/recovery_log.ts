/** Puts the log together at the start, block by block in the order of their keys. */
import type { Entry } from "../raft/types.ts";
import type { KvEntry } from "./kv.ts";
import type { BlockPlace } from "./kv_log.ts";
import { decodeBlock, type LogBlock } from "./log_block.ts";
import { bytesOf, joinBytes, RecordError, sealOf } from "./record.ts";
import type { StateRecord } from "./state_record.ts";

/** The values of one block. */
interface Gathered {
  readonly first: number;
  readonly keys: Deno.KvKey[];
  readonly values: Uint8Array[];
  readonly headless: boolean;
}

/** The log as far as it was read. */
export class LogRecovery {
  readonly entries: Entry[] = [];
  readonly blocks: BlockPlace[] = [];
  readonly leftovers: Deno.KvKey[] = [];
  readonly #state: StateRecord;
  #gathered: Gathered | undefined;
  #term: number;

  constructor(state: StateRecord) {
    const { firstIndex, lastIndex, baseTerm, commit } = state;
    if (
      firstIndex < 1 || lastIndex < firstIndex - 1 || commit > lastIndex ||
      (firstIndex === 1) !== (baseTerm === 0)
    ) throw new RecordError("contradicts itself");
    this.#state = state;
    this.#term = baseTerm;
  }

  /** Takes the value at the path [first] or [first, part]. */
  take(entry: KvEntry, path: readonly Deno.KvKeyPart[]): void {
    const [first, part = 0] = path as number[];
    if (path.length < 1 || path.length > 2) {
      throw new RecordError("is no key of a store");
    }
    if (first !== this.#gathered?.first) {
      this.#decode();
      this.#gathered = {
        first: first!,
        keys: [],
        values: [],
        headless: part !== 0,
      };
    }
    this.#gathered!.keys.push(entry.key);
    this.#gathered!.values.push(bytesOf(entry.value));
  }

  /** Called when all was taken. */
  finish(): void {
    this.#decode();
    const { firstIndex, lastIndex, lastBlock } = this.#state;
    const end = firstIndex + this.entries.length - 1;
    if (end !== lastIndex) {
      throw new RecordError(`ends with ${end} and not with ${lastIndex}`);
    }
    if (end >= firstIndex && this.blocks.at(-1)?.checksum !== lastBlock) {
      throw new RecordError("ends with an older version of its last block");
    }
  }

  /** The term at `index`; undefined when it is neither in the log nor just before it. */
  term(index: number): number | undefined {
    const { firstIndex, baseTerm } = this.#state;
    if (index === firstIndex - 1) return baseTerm;
    return this.entries[index - firstIndex]?.term;
  }

  #decode(): void {
    if (this.#gathered === undefined) return;
    const { first, keys, values, headless } = this.#gathered;
    this.#gathered = undefined;
    const { firstIndex, lastIndex } = this.#state;
    if (headless && first > lastIndex) {
      // The write of a large entry that was interrupted before its first value.
      for (const key of keys) this.leftovers.push(key);
      return;
    }
    const at = `holds a block at ${first} that`;
    if (headless) throw new RecordError(`${at} has lost its first value`);
    const sealed = joinBytes(values);
    const { entries, before } = decodeAt(at, sealed, first);
    const last = first + entries.length - 1;
    const follows = this.blocks.at(-1);
    if (follows?.last === first - 1 && follows.checksum !== before) {
      throw new RecordError(`${at} does not follow the one before it`);
    }
    this.blocks.push({
      first,
      last,
      values: values.length,
      bytes: sealed.length,
      checksum: sealOf(sealed),
    });
    // One that waits to be dropped: a snapshot holds what it held.
    if (last < firstIndex) return;
    const next = firstIndex + this.entries.length;
    const fits = this.entries.length === 0 ? first <= next : first === next;
    if (!fits) throw new RecordError(`${at} does not follow ${next - 1}`);
    if (last > lastIndex) {
      throw new RecordError(`${at} goes past its end, ${lastIndex}`);
    }
    for (const entry of entries) this.#add(entry);
  }

  #add(entry: Entry): void {
    const { index, term } = entry;
    const { firstIndex, baseTerm } = this.#state;
    if (index === firstIndex - 1 && term !== baseTerm) {
      throw new RecordError(`begins after term ${term} and not ${baseTerm}`);
    }
    if (index < firstIndex) return;
    if (term < this.#term || term > this.#state.term) {
      throw new RecordError(
        `holds an entry ${index} of term ${term} after term ${this.#term} in term ${this.#state.term}`,
      );
    }
    this.#term = term;
    this.entries.push(entry);
  }
}

function decodeAt(at: string, sealed: Uint8Array, first: number): LogBlock {
  try {
    return decodeBlock(sealed, first);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    throw new RecordError(`${at} ${error.message}`);
  }
}
