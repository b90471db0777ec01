/**
 * Commits how far each partition is settled: what has gathered in a short time, or of so many
 * records, goes as one commit. A commit that fails is made again with what has become of it since.
 */
import { backoffMs, resolveRetryPolicy } from "../delivery/retry.ts";
import type { PartitionWindow } from "../delivery/partition_window.ts";
import type { PartitionOffset } from "../delivery/ports.ts";
import { offsetsAtOnceMax } from "../limits.ts";
import type { FlowContext } from "./flow_context.ts";

/** Whoever waits for the windows that were raised when it came. */
interface Waiter {
  /** How many of them are to be committed yet. */
  left: number;
  readonly resolve: () => void;
}

/** Commits the offsets of one node. */
export class OffsetCommitter {
  readonly #context: FlowContext;
  readonly #policy = resolveRetryPolicy();
  /** Windows whose offset was raised since it was committed. */
  #waiting: PartitionWindow[] = [];
  /** Those that are being committed. */
  #underWay: readonly PartitionWindow[] = [];
  #committed = 0;
  #failures = 0;
  #cancelTimer: (() => void) | undefined;
  #closed = false;
  readonly #whenIdle: (() => void)[] = [];
  #waiters: Waiter[] = [];

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** The offsets of these windows were raised. */
  add(windows: readonly PartitionWindow[]): void {
    for (const window of windows) this.#waiting.push(window);
    const { settled } = this.#context.tracker;
    const { offsetCommitRecords, offsetCommitMs } = this.#context.options;
    if (settled - this.#committed >= offsetCommitRecords) {
      if (this.#failures === 0) this.#commit();
    } else this.#wait(offsetCommitMs);
  }

  /** Commits at once; resolves when nothing is left to commit. */
  flush(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
      this.#commit();
    });
  }

  /** Does what `commitOf` does, for all sources. */
  commitAll(): Promise<void> {
    const left = this.#underWay.length + this.#waiting.length;
    if (left === 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ left, resolve });
      if (this.#failures === 0) this.#commit();
    });
  }

  /**
   * Commits at once where offsets of the source were raised; resolves when those are committed, or one
   * attempt has failed.
   */
  commitOf(sourceId: string): Promise<void> {
    const isOfSource = ({ account }: PartitionWindow): boolean =>
      account.sourceId === sourceId;
    return this.#underWay.some(isOfSource) || this.#waiting.some(isOfSource)
      ? this.commitAll()
      : Promise.resolve();
  }

  /** Commits nothing any more. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#idle();
    this.#tell(Infinity);
  }

  #wait(ms: number): void {
    if (this.#cancelTimer || this.#underWay.length > 0 || this.#closed) return;
    this.#cancelTimer = this.#context.ports.scheduler.after(ms, () => {
      this.#cancelTimer = undefined;
      this.#commit();
    });
  }

  #commit(): void {
    if (this.#underWay.length > 0 || this.#closed) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#committed = this.#context.tracker.settled;
    if (this.#waiting.length === 0) return this.#idle();
    const windows = this.#waiting.splice(0, offsetsAtOnceMax);
    const offsets = windows.map(offsetOf);
    this.#underWay = windows;
    this.#context.ports.offsets.commit(offsets).then(
      () => this.#ended(windows, true),
      () => this.#ended(windows, false),
    );
  }

  #ended(windows: readonly PartitionWindow[], committed: boolean): void {
    const { counters, ports: { random } } = this.#context;
    this.#underWay = [];
    for (const window of windows) {
      window.committing = false;
      if (committed || window.raised) continue;
      window.raised = true;
      this.#waiting.push(window);
    }
    if (committed) {
      counters.offsetCommits++;
      this.#failures = 0;
    } else {
      counters.offsetCommitFailures++;
      this.#failures++;
    }
    this.#tell(windows.length);
    if (this.#waiting.length === 0) return this.#idle();
    if (this.#failures > 0) {
      this.#wait(backoffMs(this.#policy, this.#failures, random));
    } else if (this.#whenIdle.length + this.#waiters.length > 0) this.#commit();
    else this.#wait(this.#context.options.offsetCommitMs);
  }

  /** So many windows went, from the front: what was raised later is behind those that are waited for. */
  #tell(windows: number): void {
    for (const waiter of this.#waiters) {
      waiter.left -= windows;
      if (waiter.left <= 0) waiter.resolve();
    }
    this.#waiters = this.#waiters.filter(({ left }) => left > 0);
  }

  #idle(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

function offsetOf(window: PartitionWindow): PartitionOffset {
  window.raised = false;
  window.committing = true;
  return {
    sourceId: window.account.sourceId,
    partition: window.partition,
    offset: window.offset!,
  };
}
