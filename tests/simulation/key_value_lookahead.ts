/**
 * Looks ahead for the model of one key. It rests on this: a state may not be left for good while
 * operations that need it remain; and a write that nothing to come depends on may stand right before
 * a put, which wipes it out. With values that are written once this leaves next to no choices,
 * however many clients work on a key.
 */
import type { Operation } from "./history.ts";
import { markOf, type Role, rolesOf, type Value } from "./key_value_roles.ts";
import type { Lookahead } from "./sequential_model.ts";

/** What there is about one value. */
interface Remaining {
  /** Operations without a place that need this state, and how many of them have begun. */
  needs: number;
  begun: number;
  /** Swaps out of this state, placed ones too. */
  readonly swaps: Role[];
  /** Operations of unknown outcome that may bring about this state, placed ones too. */
  readonly makers: Role[];
}

/** How many swaps in a row are followed; beyond that the search decides. */
const swapsInRowMax = 64;

export class KeyValueLookahead implements Lookahead<Value> {
  readonly #roles: readonly Role[];
  readonly #placed: Uint8Array;
  readonly #begun: Uint8Array;
  readonly #unknown: readonly Role[];
  readonly #isAppend: readonly boolean[];
  readonly #values = new Map<Value, Remaining>();
  /** Operations not placed, by the mark they leave. */
  readonly #marks = new Map<string, number>();
  /** How many are not placed: with a need, */
  #needing = 0;
  /** whose effect depends on the state in ways that are not known, */
  #relative = 0;
  /** and that leave a mark which is not known. */
  #unmarked = 0;

  constructor(operations: readonly Operation[]) {
    this.#roles = rolesOf(operations);
    this.#placed = new Uint8Array(operations.length);
    this.#begun = new Uint8Array(operations.length);
    this.#isAppend = operations.map(({ op }) => op === "append");
    this.#unknown = this.#roles.filter(({ known, kind }) =>
      !known && kind !== "read"
    );
    for (const role of this.#roles) {
      this.#account(role, 1);
      if (role.from !== undefined) this.#remaining(role.from).swaps.push(role);
    }
    for (const role of this.#unknown) {
      if (role.to !== undefined) this.#remaining(role.to).makers.push(role);
    }
  }

  begin(n: number): void {
    this.#begun[n] = 1;
    const { need } = this.#roles[n]!;
    if (need !== undefined) this.#remaining(need).begun++;
  }

  unbegin(n: number): void {
    this.#begun[n] = 0;
    const { need } = this.#roles[n]!;
    if (need !== undefined) this.#remaining(need).begun--;
  }

  place(n: number): void {
    this.#placed[n] = 1;
    const role = this.#roles[n]!;
    this.#account(role, -1);
    if (role.need !== undefined) this.#remaining(role.need).begun--;
  }

  unplace(n: number): void {
    this.#placed[n] = 0;
    const role = this.#roles[n]!;
    this.#account(role, 1);
    if (role.need !== undefined) this.#remaining(role.need).begun++;
  }

  /** An append that an answer shows has its state before it; the model lets it stand anywhere. */
  allows(n: number, state: Value): boolean {
    const { from } = this.#roles[n]!;
    return !this.#isAppend[n] || from === undefined || from === state;
  }

  /**
   * What is placed just in time and is read later is read by something that has begun, so only
   * values matter that lead to what the pending operations need.
   */
  wanted(pending: Iterable<number>): Iterable<number> {
    if (this.#needing === 0) return [];
    if (this.#relative > 0) {
      return this.#unknown.filter((role) => this.#isOpen(role))
        .map(({ n }) => n);
    }
    const found = new Set<number>();
    const values = new Set<Value>();
    for (const n of pending) {
      const { need } = this.#roles[n]!;
      if (need !== undefined) values.add(need);
    }
    // A set shows its iterator what is added meanwhile.
    for (const value of values) {
      for (const { n, kind, from } of this.#makersOf(value)) {
        found.add(n);
        if (kind === "may swap") values.add(from!);
      }
    }
    return found;
  }

  deadEnd(from: Value): boolean {
    if (this.#needing === 0) return false;
    if ((this.#values.get(from)?.needs ?? 0) === 0) return false;
    if (from === null) return true;
    return this.#unmarked === 0 && !this.#marks.get(markOf(from));
  }

  prelude(
    n: number,
    state: Value,
    pending: Iterable<number>,
  ): number | undefined {
    if (this.#roles[n]!.kind !== "put" || this.#relative > 0) return undefined;
    return this.#swapFrom(state, pending) ?? this.#passing(n, pending);
  }

  /** The one swap that leads on from this state, when that leads nowhere but to the next put. */
  #swapFrom(state: Value, pending: Iterable<number>): number | undefined {
    const remaining = this.#values.get(state);
    if (remaining?.needs !== 1 || remaining.begun !== 1) return undefined;
    for (const n of pending) {
      const { kind, need, to } = this.#roles[n]!;
      if (kind === "swap" && need === state && this.#ends(to)) return n;
    }
    return undefined;
  }

  /** A put that may come and go right before put `next`: all that depends on it has begun. */
  #passing(next: number, pending: Iterable<number>): number | undefined {
    for (const n of pending) {
      if (n === next) continue;
      const { kind, need, to } = this.#roles[n]!;
      if (kind === "put" && this.#ends(to)) return n;
      if (need === undefined || need === null) continue;
      const maker = this.#makersOf(need).find((role) => role.kind === "put");
      if (maker && maker.n !== next && this.#ends(need)) return maker.n;
    }
    return undefined;
  }

  /** Operations of unknown outcome that have begun, have no place and may make the state `value`. */
  #makersOf(value: Value): Role[] {
    const makers = this.#values.get(value)?.makers ?? [];
    return makers.filter((role) => this.#isOpen(role));
  }

  #isOpen({ n }: Role): boolean {
    return this.#begun[n] !== 0 && this.#placed[n] === 0;
  }

  /** Whether all that depends on the state `value` has begun, so that it can be left for good. */
  #ends(value: string | undefined, depth = swapsInRowMax): boolean {
    const remaining = value === undefined ? undefined : this.#values.get(value);
    if (remaining === undefined) return true;
    if (remaining.begun !== remaining.needs || depth === 0) return false;
    let onward: string | undefined;
    for (const { n, kind, to } of remaining.swaps) {
      if (this.#placed[n] !== 0) continue;
      if (kind === "may swap") {
        if (this.#isNeeded(to!, depth - 1)) return false;
      } else if (onward === undefined) onward = to!;
      else return false;
    }
    return onward === undefined || this.#ends(onward, depth - 1);
  }

  /** Whether anything may still need the state `value`. */
  #isNeeded(value: string, depth: number): boolean {
    const remaining = this.#values.get(value);
    if (remaining === undefined) return false;
    if (remaining.needs > 0 || depth === 0) return true;
    return remaining.swaps.some(({ n, kind, to }) =>
      kind === "may swap" && this.#placed[n] === 0 &&
      this.#isNeeded(to!, depth - 1)
    );
  }

  /** Counts an operation as not placed (1), or as placed (-1). */
  #account({ need, mark, kind }: Role, by: 1 | -1): void {
    if (need !== undefined) {
      this.#remaining(need).needs += by;
      this.#needing += by;
    }
    if (kind === "read") return;
    if (mark === undefined) this.#unmarked += by;
    else this.#marks.set(mark, (this.#marks.get(mark) ?? 0) + by);
    if (kind === "relative") this.#relative += by;
  }

  #remaining(value: Value): Remaining {
    let remaining = this.#values.get(value);
    if (remaining === undefined) {
      remaining = { needs: 0, begun: 0, swaps: [], makers: [] };
      this.#values.set(value, remaining);
    }
    return remaining;
  }
}
