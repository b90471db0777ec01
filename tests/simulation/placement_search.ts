/**
 * Looks for an order of the operations of one key that a sequential model allows and that keeps
 * operations apart in time in their order. The method is Wing and Gong's search with Lowe's two
 * additions: an operation is placed only when one that returns needs it (just in time), and a
 * situation that failed once is not tried again. A read is placed as soon as it
 * fits, since that takes nothing from the others; the model's lookahead cuts most dead ends.
 *
 * Situations are told apart by 96 bits of hash over the set of placed operations.
 *
 * Sources: J. Wing, C. Gong, "Testing and Verifying Concurrent Objects" (1993); G. Lowe, "Testing for
 * Linearizability" (2017).
 */
import { seededRandom } from "../../lib/random.ts";
import type { Operation } from "./history.ts";
import type {
  Lookahead,
  ModelState,
  SequentialModel,
} from "./sequential_model.ts";

export type SearchResult = "found" | "none" | "gave up";

/** A situation reached from the frame's first by placing operations. */
interface Node<S> {
  readonly parent: Node<S> | undefined;
  /** Placed since the parent, in order. */
  readonly placed: readonly number[];
  readonly state: S;
}

/** The search at one return: situations to try, the nearest first. */
interface Frame<S> {
  readonly event: number;
  /** Length of the log where the frame began. */
  readonly log: number;
  readonly nodes: Node<S>[];
  next: number;
  expanded: number;
}

export class PlacementSearch<S extends ModelState> {
  readonly #model: SequentialModel<S>;
  readonly #operations: readonly Operation[];
  readonly #lookahead: Lookahead<S>;
  /** Events in order: operation number n begins as n, returns as ~n. */
  readonly #events: Int32Array;
  readonly #placed: Uint8Array;
  /** Known operations begun and not placed: a linked list whose removals are undone in reverse. */
  readonly #after: Int32Array;
  readonly #before: Int32Array;
  /** Three lanes of random numbers per operation, and their sum over the placed ones. */
  readonly #lanes: Uint32Array;
  readonly #hash = new Uint32Array(3);
  readonly #stateNumbers = new Map<S, number>();
  /** Situations that were tried: they failed, or the search would have ended. */
  readonly #tried = new Map<number, number>();
  /** What was done, to be undone: n was placed, ~n began. */
  readonly #log: number[] = [];
  #state: S;
  #event = 0;
  #wentBack = false;
  #tries = 0;

  constructor(model: SequentialModel<S>, operations: readonly Operation[]) {
    this.#model = model;
    this.#operations = operations;
    this.#lookahead = model.lookahead(operations);
    this.#state = model.initial;
    this.#events = eventsOf(operations);
    this.#placed = new Uint8Array(operations.length);
    // The last place of each list is the list's head.
    this.#after = new Int32Array(operations.length + 1).fill(operations.length);
    this.#before = this.#after.slice();
    const random = seededRandom(operations.length);
    this.#lanes = Uint32Array.from(
      { length: 3 * operations.length },
      () => random() * 2 ** 32,
    );
  }

  /** The operations placed, in order; after `found`, an order that explains the history. */
  get order(): Operation[] {
    return this.#log.filter((n) => n >= 0).map((n) => this.#operations[n]!);
  }

  get tries(): number {
    return this.#tries;
  }

  /** Searches until an order is found, there is none, or `triesMax` situations were tried. */
  run(triesMax: number): SearchResult {
    const frames: Frame<S>[] = [];
    for (;;) {
      if (this.#advance()) return "found";
      frames.push({
        event: this.#event,
        log: this.#log.length,
        nodes: [{ parent: undefined, placed: [], state: this.#state }],
        next: 0,
        expanded: 0,
      });
      for (;;) {
        const frame = frames.at(-1);
        if (frame === undefined) return "none";
        if (this.#tryNext(frame, triesMax)) break;
        if (this.#tries > triesMax) return "gave up";
        this.#wentBack = true;
        frames.pop();
      }
    }
  }

  /** Goes to the next return of an operation that has no place; true at the end of the history. */
  #advance(): boolean {
    for (; this.#event < this.#events.length; this.#event++) {
      const event = this.#events[this.#event]!;
      if (event >= 0) this.#begin(event);
      else if (this.#placed[~event] === 0) return false;
    }
    return true;
  }

  /** Places what returns at the frame's event, in the nearest situation not tried yet. */
  #tryNext(frame: Frame<S>, triesMax: number): boolean {
    const returning = ~this.#events[frame.event]!;
    while (this.#tries <= triesMax) {
      if (frame.expanded < frame.next) {
        this.#expand(frame, frame.nodes[frame.expanded++]!, returning);
      }
      const node = frame.nodes[frame.next];
      if (node === undefined) return false;
      if (frame.next++ > 0) this.#tries++;
      this.#restore(frame, node);
      if (this.#placed[returning] !== 0 || this.#place(returning)) {
        this.#event = frame.event + 1;
        // As long as nothing failed there is nothing to remember.
        if (!this.#wentBack || this.#isNew(this.#event)) return true;
      }
    }
    return false;
  }

  /** Adds the situations one operation further. */
  #expand(frame: Frame<S>, node: Node<S>, returning: number): void {
    this.#restore(frame, node);
    const length = this.#log.length;
    const unknown = this.#lookahead.wanted(this.#pending());
    for (const n of [...this.#pending(), ...unknown]) {
      if (n === returning) continue;
      const operation = this.#operations[n]!;
      if (!this.#lookahead.allows(n, node.state)) continue;
      const next = this.#model.step(node.state, operation);
      if (next === undefined) continue;
      if (next === node.state && !operation.known) continue;
      this.#tries++;
      if (this.#place(n) && this.#isNew(frame.event)) {
        frame.nodes.push({
          parent: node,
          placed: this.#log.slice(length),
          state: this.#state,
        });
      }
      this.#undo(length);
      this.#state = node.state;
    }
  }

  /** Places an operation, before it what may as well go there, and behind it what then fits. */
  #place(n: number): boolean {
    for (;;) {
      const first = this.#lookahead.prelude(n, this.#state, this.#pending());
      if (first === undefined) return this.#placeOne(n);
      if (!this.#placeOne(first)) return false;
      if (this.#placed[n] !== 0) return true;
    }
  }

  #placeOne(n: number): boolean {
    const from = this.#state;
    if (!this.#lookahead.allows(n, from)) return false;
    const to = this.#model.step(from, this.#operations[n]!);
    if (to === undefined) return false;
    this.#mark(n);
    if (to === from) return true;
    this.#state = to;
    if (this.#lookahead.deadEnd(from, to)) return false;
    for (const other of this.#pending()) this.#placeIfRead(other);
    return true;
  }

  /** Places a read where it fits. */
  #placeIfRead(n: number): void {
    const operation = this.#operations[n]!;
    if (
      this.#model.isRead(operation) &&
      this.#model.step(this.#state, operation) === this.#state
    ) this.#mark(n);
  }

  #begin(n: number): void {
    this.#log.push(~n);
    this.#lookahead.begin(n);
    if (!this.#operations[n]!.known) return;
    const head = this.#operations.length;
    const last = this.#before[head]!;
    this.#after[last] = n;
    this.#before[n] = last;
    this.#after[n] = head;
    this.#before[head] = n;
    this.#placeIfRead(n);
  }

  /** Takes an operation out of the list; `#relink` puts it back. */
  #unlink(n: number): void {
    if (!this.#operations[n]!.known) return;
    this.#after[this.#before[n]!] = this.#after[n]!;
    this.#before[this.#after[n]!] = this.#before[n]!;
  }

  #relink(n: number): void {
    if (!this.#operations[n]!.known) return;
    this.#after[this.#before[n]!] = n;
    this.#before[this.#after[n]!] = n;
  }

  #mark(n: number): void {
    this.#placed[n] = 1;
    this.#unlink(n);
    this.#mix(n);
    this.#log.push(n);
    this.#lookahead.place(n);
  }

  /** Takes back what was done since the log had this length. The state is the caller's to restore. */
  #undo(length: number): void {
    while (this.#log.length > length) {
      const done = this.#log.pop()!;
      if (done >= 0) {
        this.#placed[done] = 0;
        this.#relink(done);
        this.#mix(done);
        this.#lookahead.unplace(done);
      } else {
        this.#unlink(~done);
        this.#lookahead.unbegin(~done);
      }
    }
  }

  #restore(frame: Frame<S>, node: Node<S>): void {
    this.#undo(frame.log);
    this.#redo(node);
    this.#state = node.state;
  }

  #redo(node: Node<S>): void {
    if (node.parent !== undefined) this.#redo(node.parent);
    for (const n of node.placed) this.#mark(n);
  }

  #mix(n: number): void {
    for (let lane = 0; lane < 3; lane++) {
      this.#hash[lane]! ^= this.#lanes[3 * n + lane]!;
    }
  }

  *#pending(): Generator<number> {
    const head = this.#operations.length;
    for (let n = this.#after[head]!; n !== head; n = this.#after[n]!) yield n;
  }

  /** Remembers the present situation before `event`; false when it was remembered already. */
  #isNew(event: number): boolean {
    let number = this.#stateNumbers.get(this.#state);
    if (number === undefined) {
      number = this.#stateNumbers.size;
      this.#stateNumbers.set(this.#state, number);
    }
    const lane = (i: number, factor: number): number =>
      (this.#hash[i]! ^ Math.imul(event * 2 + 1, factor) ^
        Math.imul(number * 2 + 1, factor ^ 0x5bd1e994)) >>> 0;
    const a = lane(0, 0x9e3779b1);
    const b = lane(1, 0x85ebca6b);
    const c = lane(2, 0xc2b2ae35);
    const low = a * 2 ** 21 + (b & 0x1fffff);
    const high = (b >>> 21) * 2 ** 32 + c;
    if (this.#tried.get(low) === high) return false;
    this.#tried.set(low, high);
    return true;
  }
}

function eventsOf(operations: readonly Operation[]): Int32Array {
  const events = operations.flatMap((operation, n) =>
    operation.known
      ? [[operation.invoked, n], [operation.returned, ~n]] as const
      : [[operation.invoked, n]] as const
  );
  events.sort(([a], [b]) => a - b);
  return Int32Array.from(events, ([, event]) => event);
}
