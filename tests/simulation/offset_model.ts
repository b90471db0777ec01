/**
 * One offset that only rises: commit raises it and answers true, or answers false and changes
 * nothing when it stands higher; offset reads it, null before the first commit.
 *
 * The lookahead rests on its never falling: it may not rise over a read, or over an accepted commit,
 * that has no place yet.
 */
import type { Operation } from "./history.ts";
import type { Lookahead, SequentialModel } from "./sequential_model.ts";

const none = -1n;

export const offsetModel: SequentialModel<bigint> = {
  initial: none,
  step: (state, { op, value, answer }) => {
    if (op === "offset") {
      return answer === undefined || numberOf(answer) === state
        ? state
        : undefined;
    }
    const offset = BigInt(value!);
    const accepted = offset >= state;
    if (answer !== undefined && (answer === "true") !== accepted) {
      return undefined;
    }
    return accepted ? offset : state;
  },
  isRead: ({ op, answer }) => op === "offset" || answer === "false",
  lookahead: (operations) => new OffsetLookahead(operations),
};

class OffsetLookahead implements Lookahead<bigint> {
  readonly #operations: readonly Operation[];
  /** The highest state in which each can be placed; undefined: any. */
  readonly #ceilings: readonly (bigint | undefined)[];
  readonly #placed: Uint8Array;
  /** Those with a ceiling, the lowest first; all before #lowest are placed. */
  readonly #rising: readonly number[];
  readonly #rank: Int32Array;
  #lowest = 0;
  readonly #begun: Uint8Array;
  readonly #unknown: readonly number[];

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    this.#ceilings = operations.map(ceilingOf);
    this.#placed = new Uint8Array(operations.length);
    this.#rising = [...operations.keys()]
      .filter((n) => this.#ceilings[n] !== undefined)
      .sort((a, b) => Number(this.#ceilings[a]! - this.#ceilings[b]!));
    this.#rank = new Int32Array(operations.length);
    this.#rising.forEach((n, rank) => this.#rank[n] = rank);
    this.#begun = new Uint8Array(operations.length);
    this.#unknown = [...operations.keys()].filter((n) =>
      operations[n]!.op === "commit" && !operations[n]!.known
    );
  }

  begin(n: number): void {
    this.#begun[n] = 1;
  }

  unbegin(n: number): void {
    this.#begun[n] = 0;
  }

  place(n: number): void {
    this.#placed[n] = 1;
  }

  unplace(n: number): void {
    this.#placed[n] = 0;
    if (this.#ceilings[n] !== undefined) {
      this.#lowest = Math.min(this.#lowest, this.#rank[n]!);
    }
  }

  allows(): boolean {
    return true;
  }

  /** Commits to an offset that a pending read saw, or over one that a pending commit was refused. */
  wanted(pending: Iterable<number>): Iterable<number> {
    const read = new Set<bigint>();
    let over: bigint | undefined;
    for (const n of pending) {
      const { op, value, answer } = this.#operations[n]!;
      if (answer === "false") {
        const offset = BigInt(value!);
        if (over === undefined || offset < over) over = offset;
      } else if (op === "offset" && answer !== undefined) {
        read.add(numberOf(answer));
      }
    }
    return this.#unknown.filter((n) => {
      if (this.#begun[n] === 0 || this.#placed[n] !== 0) return false;
      const offset = BigInt(this.#operations[n]!.value!);
      return read.has(offset) || over !== undefined && offset > over;
    });
  }

  deadEnd(_from: bigint, to: bigint): boolean {
    const lowest = this.#lowestNotPlaced();
    return lowest !== undefined && this.#ceilings[lowest]! < to;
  }

  /** An accepted commit that has begun and is lower has to come first. */
  prelude(
    n: number,
    _state: bigint,
    pending: Iterable<number>,
  ): number | undefined {
    if (this.#operations[n]!.op !== "commit") return undefined;
    const offset = BigInt(this.#operations[n]!.value!);
    const lowest = this.#lowestNotPlaced();
    if (lowest === undefined || this.#ceilings[lowest]! >= offset) {
      return undefined;
    }
    // The lowest of all is a read, or has not begun: the search decides.
    if (this.#operations[lowest]!.op !== "commit") return undefined;
    for (const other of pending) if (other === lowest) return lowest;
    return undefined;
  }

  #lowestNotPlaced(): number | undefined {
    while (
      this.#lowest < this.#rising.length &&
      this.#placed[this.#rising[this.#lowest]!] !== 0
    ) this.#lowest++;
    return this.#rising[this.#lowest];
  }
}

function ceilingOf({ op, value, answer }: Operation): bigint | undefined {
  if (op === "offset") {
    return answer === undefined ? undefined : numberOf(answer);
  }
  return answer === "true" ? BigInt(value!) : undefined;
}

function numberOf(answer: string | null): bigint {
  return answer === null ? none : BigInt(answer);
}
