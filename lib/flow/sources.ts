/**
 * The sources whose records come in: what each has under way, which of its records are known, and
 * which pipelines take them. What is known of a partition is forgotten when it is idle and room is
 * needed: it is read again from the committed offsets.
 */
import { SourceAccount } from "../delivery/buffer.ts";
import { Credits } from "../delivery/credits.ts";
import { PartitionWindow } from "../delivery/partition_window.ts";
import { housekeepingMs } from "../limits.ts";
import type { FlowContext } from "./flow_context.ts";
import type { PipelineRun } from "./pipeline_run.ts";

/** A source stage that takes the records of a source. */
export interface Taker {
  readonly run: PipelineRun;
  readonly stage: number;
}

/** Partitions below this are found by index. */
const densePartitions = 65_536;

/** One source. */
export class Source {
  readonly account: SourceAccount;
  /** Credit that was asked for apart from a stream. */
  readonly credits: Credits = new Credits();
  /** Pipelines that take its records, as of `takersVersion`. */
  takers: readonly Taker[] = [];
  takersVersion = -1;
  /** Until then records may be sent again that were refused for lack of room for their partition. */
  refusedUntilMs = 0;
  readonly dense: (PartitionWindow | undefined)[] = [];
  readonly sparse: Map<number, PartitionWindow> = new Map();

  constructor(sourceId: string) {
    this.account = new SourceAccount(sourceId);
  }

  *windows(): Iterable<PartitionWindow> {
    for (const window of this.dense) if (window) yield window;
    yield* this.sparse.values();
  }
}

/** All sources. */
export class Sources {
  readonly #context: FlowContext;
  readonly #byId: Map<string, Source> = new Map();
  /** Windows whose offset refused records hold back. */
  readonly #holding: Set<PartitionWindow> = new Set();
  #windows = 0;
  /** As that of a source, for sources for which there was no room. */
  #refusedUntilMs = 0;
  #lastEvictionMs = -Infinity;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** Partitions that are known. */
  get partitions(): number {
    return this.#windows;
  }

  /** The source, if it is known. */
  find(sourceId: string): Source | undefined {
    return this.#byId.get(sourceId);
  }

  /** The source with this id; undefined when there is no room for one more. */
  get(sourceId: string): Source | undefined {
    const known = this.#byId.get(sourceId);
    if (known !== undefined) return known;
    const { partitionsTrackedMax } = this.#context.options;
    if (this.#byId.size >= partitionsTrackedMax) this.#evict();
    if (this.#byId.size >= partitionsTrackedMax) return undefined;
    const source = new Source(sourceId);
    this.#byId.set(sourceId, source);
    return source;
  }

  /**
   * The window of a partition; undefined when there is no room for one more. Records that were refused
   * before hold a new one back; not so, `nowMs` being Infinity, those that will be asked for again.
   */
  window(
    source: Source,
    partition: number,
    nowMs: number,
  ): PartitionWindow | undefined {
    const known = this.known(source, partition);
    if (known !== undefined) return known;
    const window = this.#open(source, partition);
    const untilMs = Math.max(source.refusedUntilMs, this.#refusedUntilMs);
    if (window === undefined || nowMs >= untilMs) return window;
    window.refusedBefore(untilMs);
    this.holdRefused(window);
    return window;
  }

  /** There was no room for a source, or for a partition of it: its record may be sent again. */
  refused(source: Source | undefined, untilMs: number): void {
    if (source === undefined) this.#refusedUntilMs = untilMs;
    else {
      source.refusedUntilMs = untilMs;
      this.#keep(source);
    }
  }

  /** The window of a partition, if it is known. */
  known(source: Source, partition: number): PartitionWindow | undefined {
    return partition < densePartitions
      ? source.dense[partition]
      : source.sparse.get(partition);
  }

  /** A refused record of the window may be sent again; it is looked after until its time is over. */
  holdRefused(window: PartitionWindow): void {
    this.#holding.add(window);
  }

  /** Lets refused records go whose time is over. */
  tick(nowMs: number): void {
    const { raised } = this.#context.tracker;
    for (const window of this.#holding) {
      if (window.expire(nowMs)) raised.push(window);
      if (!window.holdsRefused) this.#holding.delete(window);
    }
  }

  #open(source: Source, partition: number): PartitionWindow | undefined {
    const { options, tracker, ports } = this.#context;
    if (this.#windows >= options.partitionsTrackedMax) this.#evict();
    if (this.#windows >= options.partitionsTrackedMax) return undefined;
    const { account } = source;
    this.#keep(source);
    const window = new PartitionWindow(
      account,
      partition,
      tracker,
      ports.offsets.committed(account.sourceId, partition),
    );
    if (partition < densePartitions) source.dense[partition] = window;
    else source.sparse.set(partition, window);
    this.#windows++;
    return window;
  }

  /** To make room the source itself may have been forgotten while it was in use. */
  #keep(source: Source): void {
    this.#byId.set(source.account.sourceId, source);
  }

  /** Forgets what is idle; a look at everything, so not often. */
  #evict(): void {
    const nowMs = this.#context.ports.clock.monotonicMs();
    if (nowMs - this.#lastEvictionMs < housekeepingMs) return;
    this.#lastEvictionMs = nowMs;
    for (const [sourceId, source] of this.#byId) {
      let left = 0;
      for (const window of source.windows()) {
        if (!window.isEmpty || window.raised || window.committing) left++;
        else this.#close(source, window.partition);
      }
      if (
        left === 0 && source.account.records === 0 &&
        source.refusedUntilMs <= nowMs
      ) {
        this.#byId.delete(sourceId);
      }
    }
  }

  #close(source: Source, partition: number): void {
    if (partition < densePartitions) source.dense[partition] = undefined;
    else source.sparse.delete(partition);
    this.#windows--;
  }
}
