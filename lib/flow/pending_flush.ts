/**
 * Records that a sink has taken but not made durable: they are settled when a flush goes well. One
 * flush covers what gathered in a short time. When it fails, or the instance may have lost what it
 * held, the records are written again: after a pause, which grows as long as no flush goes well.
 */
import type { Load } from "../delivery/load.ts";
import type { ServiceInstance } from "../delivery/ports.ts";
import { backoffMs } from "../delivery/retry.ts";
import { type Failure, Standing, type Work } from "../delivery/work.ts";
import { asConveyorError } from "../errors.ts";
import { codeName } from "../delivery/failure.ts";
import { flushMs, pendingRecordsMax } from "../limits.ts";
import type { StageRun } from "./stage_run.ts";
import type { StageService } from "./stage_service.ts";

const notDurable = {
  code: "UNKNOWN",
  message: "the sink did not make durable what it had pending",
};

/** Records of one load that are pending. */
interface Pending {
  readonly load: Load;
  readonly indexes: Uint32Array;
}

interface Group {
  readonly instance: ServiceInstance<"sink">;
  readonly incarnation: number;
  readonly pending: Pending[];
}

/** The pending records of one stage. */
export class PendingFlush {
  readonly #stage: StageRun;
  readonly #service: StageService<"sink">;
  /** By instance and incarnation. */
  #groups: Map<string, Group> = new Map();
  #flushing: readonly Group[] = [];
  #count = 0;
  #cancelTimer: (() => void) | undefined;
  /** Flushes that failed in a row, why the last one did, and the pause after it. */
  #failures = 0;
  #trouble: Failure | undefined;
  #cancelPause: (() => void) | undefined;
  #closed = false;

  constructor(stage: StageRun, service: StageService<"sink">) {
    this.#service = service;
    this.#stage = stage;
  }

  /** Records that are pending. */
  get count(): number {
    return this.#count;
  }

  /** Whether a flush is under way, or about to be. */
  get busy(): boolean {
    return this.#flushing.length > 0 ||
      this.#count > 0 && this.#trouble === undefined;
  }

  /** Whether the stage must wait for a flush. */
  get blocks(): boolean {
    return this.#cancelPause !== undefined || this.#count >= pendingRecordsMax;
  }

  /** Why records are written again; undefined while flushes go well. */
  get trouble(): Failure | undefined {
    return this.#trouble;
  }

  /**
   * The records in those of the positions that are done are pending in `instance`, which was the
   * `incarnation` of it that they were sent to.
   */
  add(
    instance: ServiceInstance<"sink">,
    incarnation: number,
    work: Work,
    positions: Uint32Array,
  ): void {
    const key = `${incarnation} ${instance.id}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { instance, incarnation, pending: [] };
      this.#groups.set(key, group);
    }
    const done = positions.filter((position) =>
      work.standings[position] === Standing.Done
    );
    for (let from = 0; from < done.length;) {
      const load = work.load(done[from]!);
      let to = from + 1;
      while (to < done.length && work.load(done[to]!) === load) to++;
      const indexes = done.subarray(from, to).map((position) =>
        work.indexes[position]!
      );
      load.hold();
      group.pending.push({ load, indexes });
      from = to;
    }
    this.#count += done.length;
    if (this.#count >= pendingRecordsMax) this.#flush();
    else this.#wait();
  }

  /** Records were written that need no flush. */
  spared(): void {
    if (this.#count > 0 || this.#cancelPause) return;
    this.#failures = 0;
    this.#trouble = undefined;
  }

  /** Gives the pending records up. */
  giveUp(each: (slot: number) => void): void {
    this.close();
    for (const group of [...this.#groups.values(), ...this.#flushing]) {
      this.#forEach(group, ({ load, indexes }) => {
        for (const index of indexes) each(load.slots[index]!);
      });
    }
    this.#groups.clear();
  }

  /** Flushes no more. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }

  #wait(): void {
    if (this.#cancelTimer || this.#flushing.length > 0 || this.#closed) return;
    const { scheduler } = this.#stage.run.context.ports;
    this.#cancelTimer = scheduler.after(flushMs, () => {
      this.#cancelTimer = undefined;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#flushing.length > 0 || this.#closed) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const groups = [...this.#groups.values()];
    this.#groups = new Map();
    this.#flushing = groups;
    for (const group of groups) this.#flushGroup(group);
  }

  #flushGroup(group: Group): void {
    const { settings, run } = this.#stage;
    const { port } = group.instance;
    const isSame = (): boolean => port.incarnation === group.incarnation;
    if (!isSame()) return this.#ended(group, false);
    port.flush(settings.selector.serviceName, {
      records: group.pending.reduce((n, { indexes }) => n + indexes.length, 0),
      timeoutMs: settings.retry.attemptTimeoutMs,
      signal: run.signal,
    }).then((durable) => {
      if (this.#closed) return;
      if (!durable) this.#failed(notDurable);
      else {
        this.#failures = 0;
        this.#trouble = undefined;
      }
      this.#ended(group, durable && isSame());
    }, (error) => {
      if (this.#closed) return;
      const { code, message } = asConveyorError(error);
      const failure = { code: codeName(code), message };
      this.#service.failed(group.instance, failure);
      this.#failed(failure);
      this.#ended(group, false);
    });
  }

  #failed(failure: Failure): void {
    const { settings, run: { context } } = this.#stage;
    const { scheduler, random } = context.ports;
    this.#failures++;
    this.#trouble = failure;
    this.#cancelPause?.();
    this.#cancelPause = scheduler.after(
      backoffMs(settings.retry, this.#failures, random),
      () => {
        this.#cancelPause = undefined;
        this.#stage.wake();
      },
    );
  }

  #ended(group: Group, durable: boolean): void {
    this.#flushing = this.#flushing.filter((other) => other !== group);
    const { run } = this.#stage;
    if (durable) {
      this.#forEach(group, ({ load, indexes }) => {
        for (const index of indexes) run.settle(load.slots[index]!);
      });
    } else this.#writeAgain(group);
    if (this.#count >= pendingRecordsMax) this.#flush();
    else if (this.#groups.size > 0) this.#wait();
    this.#stage.wake();
    run.callEnded();
  }

  #writeAgain(group: Group): void {
    this.#forEach(group, ({ load, indexes }) => {
      this.#stage.counters.errors += indexes.length;
      this.#stage.putBack(load, indexes);
    });
  }

  /** Visits the pending records of a group, which then are not pending any more. */
  #forEach(group: Group, each: (pending: Pending) => void): void {
    // The last first: each is put back before those that were put back already.
    for (const pending of group.pending.splice(0).reverse()) {
      this.#count -= pending.indexes.length;
      each(pending);
      pending.load.release();
    }
  }
}
