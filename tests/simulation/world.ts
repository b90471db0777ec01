/**
 * Virtual time: events in the order of their time, one after another, each together with everything
 * it sets off by promises. Nothing else happens in a simulation, so a run is a function of its seed;
 * the trace hash, over every event, tells two runs apart at the first difference.
 */
import { setImmediate } from "node:timers";
import { Chance } from "./chance.ts";

/** Something that will happen, unless it is cancelled. */
export interface Scheduled {
  cancelled: boolean;
}

interface Event extends Scheduled {
  readonly atMs: number;
  /** Events of one moment happen in the order in which they were scheduled. */
  readonly order: number;
  /** What the event is of, for the trace: a node's number, or 0. */
  readonly node: number;
  readonly work: () => void;
}

export class World {
  readonly seed: number;
  /** Told after each event with the node that it was of. */
  onEvent: (node: number) => void = () => {};
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #order = 0;
  #events = 0;
  #high = 0x9e3779b9;
  #low = 0x243f6a88;

  constructor(seed: number) {
    this.seed = seed;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  get traceHash(): string {
    return [this.#high, this.#low]
      .map((half) => (half >>> 0).toString(16).padStart(8, "0"))
      .join("");
  }

  chance(name: string): Chance {
    return new Chance(this.seed, name);
  }

  /** Has `work` done after `delayMs`, as an event of `node`. */
  after(delayMs: number, node: number, work: () => void): Scheduled {
    const event = {
      atMs: this.#nowMs + delayMs,
      order: ++this.#order,
      node,
      work,
      cancelled: false,
    };
    push(this.#heap, event);
    return event;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, 0, resolve));
  }

  /** Adds to the trace hash. */
  note(number: number): void {
    const part = (number % 0x1_0000_0000) | 0;
    this.#high = Math.imul((this.#high ^ part) + 0x7f4a7c15, 0x01000193);
    this.#low = Math.imul(this.#low ^ (this.#high >>> 15) ^ part, 0x85ebca6b) +
      1;
  }

  /** Lets events happen until `done`, or until there are none. */
  async run(done: () => boolean): Promise<void> {
    while (!done()) {
      const event = pop(this.#heap);
      if (event === undefined) return;
      if (event.cancelled) continue;
      this.#nowMs = event.atMs;
      this.#events++;
      this.note(event.atMs * 1_000);
      this.note(event.node);
      event.work();
      // The event loop turns only when no promise has anything left to do.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.onEvent(event.node);
    }
  }
}

function before(one: Event, other: Event): boolean {
  return one.atMs < other.atMs ||
    one.atMs === other.atMs && one.order < other.order;
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (before(heap[parent]!, event)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) {
    return first;
  }
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) {
      child++;
    }
    if (before(last, heap[child]!)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
