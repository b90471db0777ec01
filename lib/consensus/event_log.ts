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

/** The latest events. */
export class EventLog<Event> {
  #events: AppliedEvent<Event>[] = [];
  /** How many events came before the first one that is kept. */
  #dropped = 0;
  /** Events at or before this index are not to be had. */
  #droppedIndex: number;
  #waiting: (() => void)[] = [];
  #closed: Error | undefined;

  /** Events up to `index` are part of the state already. */
  constructor(index: number) {
    this.#droppedIndex = index;
  }

  append(index: number, events: readonly Event[]): void {
    if (events.length === 0) return;
    for (const event of events) this.#events.push({ index, event });
    // Cut by halves: each event is moved once at most.
    if (this.#events.length > 2 * watchEventsMax) {
      const cut = this.#events.length - watchEventsMax;
      this.#droppedIndex = this.#events[cut - 1]!.index;
      this.#dropped += cut;
      this.#events = this.#events.slice(cut);
    }
    this.#wake();
  }

  /** The state was replaced: whoever watched must look at it anew. */
  restart(index: number): void {
    // One more than were kept: who has seen all of them is behind too.
    this.#dropped += this.#events.length + 1;
    this.#events = [];
    this.#droppedIndex = index;
    this.#wake();
  }

  /** Ends every watch with `reason`. */
  close(reason: Error): void {
    this.#closed = reason;
    this.#wake();
  }

  /**
   * The events after `index`, then those to come, until `signal` aborts. Aborted when some of them
   * are not kept any more: the watcher looks at the state again and watches from there.
   */
  async *watch(
    index: number,
    signal: AbortSignal,
  ): AsyncGenerator<AppliedEvent<Event>, void, void> {
    if (index < this.#droppedIndex) throw behind(index);
    let at = this.#dropped + this.#firstAfter(index);
    while (!signal.aborted) {
      if (this.#closed) throw this.#closed;
      if (at < this.#dropped) throw behind(index);
      const next = this.#events[at - this.#dropped];
      if (next === undefined) {
        await this.#change(signal);
      } else {
        at++;
        yield next;
      }
    }
  }

  #firstAfter(index: number): number {
    const at = this.#events.findIndex((event) => event.index > index);
    return at < 0 ? this.#events.length : at;
  }

  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const onAbort = (): void => resolve();
    this.#waiting.push(resolve);
    signal.addEventListener("abort", onAbort);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function behind(index: number): ConveyorError {
  return new ConveyorError(
    Code.Aborted,
    `Cannot watch on from index ${index}: later events are dropped already; read the state again and watch from there`,
  );
}
