/**
 * What the state machine told lately, for watchers: each reads at its own pace from the place it
 * names. The log is bounded and watchers cost no memory of their own, so one that falls too far
 * behind is told to start again rather than waited for; it never misses an event unnoticed.
 */
import { Code, ConveyorError } from "../errors.ts";
import { watchEventsMax } from "../limits.ts";

/** An event, and the log index of the command that caused it. */
export interface AppliedEvent<Event> {
  readonly index: number;
  readonly event: Event;
}

interface Waiter<Event> {
  readonly at: number;
  readonly wanted: (event: Event) => boolean;
  readonly resolve: (at: number) => void;
}

/** The latest events. */
export class EventLog<Event> {
  #events: AppliedEvent<Event>[] = [];
  /** How many events came before the first one that is kept. */
  #dropped = 0;
  /** Events at or before this index are not to be had. */
  #droppedIndex: number;
  readonly #waiting: Set<Waiter<Event>> = new Set();
  #closed: Error | undefined;

  /** Events up to `index` are part of the state already. */
  constructor(index: number) {
    this.#droppedIndex = index;
  }

  append(index: number, events: readonly Event[]): void {
    if (events.length === 0) return;
    const from = this.#dropped + this.#events.length;
    for (const event of events) this.#events.push({ index, event });
    // Cut by halves: each event is moved once at most.
    if (this.#events.length > 2 * watchEventsMax) {
      const cut = this.#events.length - watchEventsMax;
      this.#droppedIndex = this.#events[cut - 1]!.index;
      this.#dropped += cut;
      this.#events = this.#events.slice(cut);
    }
    for (const waiter of this.#waiting) {
      if (events.some(waiter.wanted)) this.#wake(waiter, from);
    }
  }

  /** The state was replaced: whoever watched must look at it anew. */
  restart(index: number): void {
    // One more than were kept: who has seen all of them is behind too.
    this.#dropped += this.#events.length + 1;
    this.#events = [];
    this.#droppedIndex = index;
    this.#wakeAll();
  }

  /** Ends every watch with `reason`. */
  close(reason: Error): void {
    this.#closed = reason;
    this.#wakeAll();
  }

  /**
   * The events after `index` that are `wanted`, then those to come, until `signal` aborts. Who waits
   * costs nothing for an event that is not wanted. Aborted when some events are not kept any more:
   * the watcher looks at the state again and watches from there.
   */
  async *watch(
    index: number,
    signal: AbortSignal,
    wanted: (event: Event) => boolean = () => true,
  ): AsyncGenerator<AppliedEvent<Event>, void, void> {
    if (index < this.#droppedIndex) throw behind(index);
    let at = this.#dropped + this.#firstAfter(index);
    while (!signal.aborted) {
      if (this.#closed) throw this.#closed;
      if (at < this.#dropped) throw behind(index);
      const next = this.#events[at - this.#dropped];
      if (next === undefined) {
        at = await this.#change(at, wanted, signal);
      } else {
        at++;
        if (wanted(next.event)) yield next;
      }
    }
  }

  #firstAfter(index: number): number {
    const at = this.#events.findIndex((event) => event.index > index);
    return at < 0 ? this.#events.length : at;
  }

  /** Resolves with the place to go on at: what was skipped meanwhile was not wanted. */
  async #change(
    at: number,
    wanted: (event: Event) => boolean,
    signal: AbortSignal,
  ): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const waiter: Waiter<Event> = { at, wanted, resolve };
    const onAbort = (): void => this.#wake(waiter, at);
    this.#waiting.add(waiter);
    signal.addEventListener("abort", onAbort);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #wakeAll(): void {
    for (const waiter of this.#waiting) this.#wake(waiter, waiter.at);
  }

  #wake(waiter: Waiter<Event>, at: number): void {
    this.#waiting.delete(waiter);
    waiter.resolve(at);
  }
}

function behind(index: number): ConveyorError {
  return new ConveyorError(
    Code.Aborted,
    `Cannot watch on from index ${index}: later events are dropped already; read the state again and watch from there`,
  );
}
