/**
 * One stage of a pipeline at work: the records that wait before it, its lanes, its service, its dead
 * letters. A stage takes no more from its queue than there is room for at the stages behind it, so
 * that no queue grows beyond its bound but for what one record was split into, or its bytes by one answer.
 */
import { GiveUp } from "../delivery/give_up.ts";
import { byLane } from "../delivery/lane_choice.ts";
import { hashOfNames } from "../delivery/lineage.ts";
import type { Load, Records } from "../delivery/load.ts";
import { LookupCache } from "../delivery/lookup_cache.ts";
import type { ServedKind } from "../delivery/ports.ts";
import type { Failure } from "../delivery/work.ts";
import { stageQueueBytesMax } from "../limits.ts";
import type { CompiledStage, StageRoutes } from "../routing/types.ts";
import { StageCounters } from "./counters.ts";
import { Lane } from "./lane.ts";
import { LetterBox } from "./letter_box.ts";
import { LookupExchange } from "./lookup_exchange.ts";
import { PendingFlush } from "./pending_flush.ts";
import type { PipelineRun } from "./pipeline_run.ts";
import { RelayExchange } from "./relay_exchange.ts";
import { SinkExchange } from "./sink_exchange.ts";
import { StageService } from "./stage_service.ts";
import { TransformExchange } from "./transform_exchange.ts";

/** What of a lane its stage uses, whatever kind of service it calls. */
type AnyLane =
  | Lane<"transform">
  | Lane<"lookup">
  | Lane<"sink">
  | Lane<"relay">;
type AnyService =
  | StageService<"transform">
  | StageService<"lookup">
  | StageService<"sink">
  | StageService<"relay">;

interface Parts {
  readonly makeLanes: () => readonly AnyLane[];
  readonly service?: AnyService;
  readonly pending?: PendingFlush;
}

/** A stage at work. */
export class StageRun {
  readonly run: PipelineRun;
  readonly settings: CompiledStage;
  readonly counters: StageCounters = new StageCounters();
  readonly letters: LetterBox;
  readonly giveUps: GiveUp = new GiveUp();
  /** Of a sink stage: what was written and is not durable. */
  readonly pending: PendingFlush | undefined;
  readonly service: AnyService | undefined;
  /** By which lineages know the stage. */
  readonly nameHash: number;
  /** Whether a call may take its time: consumers pull the records, or another sidecar has them. */
  readonly patient: boolean;
  readonly #makeLanes: () => readonly AnyLane[];
  /** None before the first records come: thousands of pipelines may wait for their first. */
  #lanes: readonly AnyLane[] = [];
  #closed = false;
  readonly #routes: StageRoutes;
  #targets: readonly StageRun[] = [];
  /** Stages that wait for room here. */
  readonly #blocked: Set<StageRun> = new Set();
  #waiting = 0;
  /** Records that the stages before are working on, which may come here. */
  #expected = 0;
  #batches = 0;

  constructor(run: PipelineRun, settings: CompiledStage) {
    this.run = run;
    this.settings = settings;
    this.#routes = settings.routes;
    this.nameHash = hashOfNames(run.pipeline.id, settings.id);
    this.patient = settings.kind === "relay" ||
      settings.kind === "sink" && settings.delivery === "pull";
    this.letters = new LetterBox(this);
    const { makeLanes, service, pending } = this.#build();
    this.#makeLanes = makeLanes;
    this.service = service;
    this.pending = pending;
  }

  /** Finds the stages behind this one; once all are there. */
  connect(): void {
    this.#targets = targetsOf(this.#routes).map((target) =>
      this.run.stages[target]!
    );
  }

  /** Records that wait before the stage. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Records that the stage has, in whatever way. */
  get buffered(): number {
    if (this.settings.kind === "source") {
      return this.run.heldAt(this.settings.index);
    }
    let working = 0;
    for (const lane of this.#lanes) working += lane.working;
    return this.#waiting + working + this.letters.count +
      (this.pending?.count ?? 0);
  }

  /** Whether a call is under way, or will be whatever the lanes do. */
  get busy(): boolean {
    return this.letters.busy || this.pending?.busy === true ||
      this.#lanes.some((lane) => lane.busy);
  }

  /** Why the stage waits; undefined while it does not. */
  get trouble(): Failure | undefined {
    return this.letters.trouble ?? this.service?.trouble ??
      this.pending?.trouble;
  }

  /** Records come, each with a branch here. */
  add(load: Load, records: Records): void {
    const nowMs = this.run.context.ports.clock.monotonicMs();
    this.#waiting += load.countOf(records);
    const lanes = this.#openLanes();
    if (lanes.length === 1) {
      const lane = lanes[0]!;
      lane.queue.add(load, records, nowMs);
      return lane.pump();
    }
    byLane(load, records, lanes.length, (index, part) => {
      const lane = lanes[index]!;
      lane.queue.add(load, part, nowMs);
      lane.pump();
    });
  }

  /** Records come back that the stage has had, to go before those that wait. */
  putBack(load: Load, indexes: Uint32Array): void {
    const nowMs = this.run.context.ports.clock.monotonicMs();
    this.#waiting += indexes.length;
    const lanes = this.#openLanes();
    byLane(load, indexes, lanes.length, (lane, part) => {
      lanes[lane]!.queue.putBack(load, part, nowMs);
    });
  }

  /** How many of `count` records in a queue may be taken now; 0: the stage is to wait. */
  takeable(count: number): number {
    if (this.letters.blocks || this.pending?.blocks) return 0;
    let takeable = Math.min(count, this.settings.batch.recordsMax);
    for (const target of this.#targets) {
      // A batch smaller than it could be is not worth a call.
      takeable = Math.min(takeable, target.settings.queueRecords);
    }
    for (const target of this.#targets) {
      if (target.#hasRoom(takeable)) continue;
      target.#blocked.add(this);
      return 0;
    }
    return takeable;
  }

  /**
   * Whether a work of which a part is done may go on: there is room for the records of all of it, but what
   * a service makes of each may be large.
   */
  mayGoOn(): boolean {
    const full = this.#targets.find((target) => !target.#hasByteRoom);
    if (full === undefined) return true;
    full.#blocked.add(this);
    return false;
  }

  /** So many records were taken from a queue. */
  taken(count: number): void {
    this.#waiting -= count;
    for (const target of this.#targets) target.#expected += count;
    this.#unblock();
  }

  /** A work of so many records is finished. */
  finished(count: number): void {
    this.counters.processed += count;
    for (const target of this.#targets) {
      target.#expected -= count;
      target.#unblock();
    }
  }

  /** Goes on if it can: the service may be there, or room, or the store of dead letters. */
  wake(): void {
    for (const lane of this.#lanes) lane.wake();
  }

  /** Services have come or gone. */
  servicesChanged(): void {
    this.service?.lookAgain();
    this.wake();
  }

  /** A name for the next request, for people who read a service's log. */
  nextBatchId(): string {
    return `${this.run.pipeline.id}/${this.settings.id}/${++this.#batches}`;
  }

  /** Gives up all records in it: tells the slot of each branch. */
  giveUp(each: (slot: number) => void): void {
    this.#closed = true;
    for (const lane of this.#lanes) lane.giveUp(each);
    this.letters.giveUp(each);
    this.pending?.giveUp(each);
    this.#waiting = 0;
  }

  /** Stops without a word to the records in it. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes) lane.close();
    this.letters.close();
    this.pending?.close();
  }

  #hasRoom(records: number): boolean {
    return this.#waiting + this.#expected + records <=
        this.settings.queueRecords && this.#hasByteRoom;
  }

  get #hasByteRoom(): boolean {
    let bytes = 0;
    for (const lane of this.#lanes) bytes += lane.queue.bytes;
    return bytes < stageQueueBytesMax;
  }

  #unblock(): void {
    if (this.#blocked.size === 0) return;
    const blocked = [...this.#blocked];
    this.#blocked.clear();
    for (const stage of blocked) stage.#pump();
  }

  #pump(): void {
    for (const lane of this.#lanes) lane.pump();
  }

  #openLanes(): readonly AnyLane[] {
    if (this.#lanes.length > 0) return this.#lanes;
    this.#lanes = this.#makeLanes();
    if (this.#closed) this.#lanes.forEach((lane) => lane.close());
    return this.#lanes;
  }

  #build(): Parts {
    const { settings, run } = this;
    const lanes = <L>(make: () => L) => (): L[] =>
      Array.from({ length: settings.parallelism }, make);
    const serviceOf = <Kind extends ServedKind>(kind: Kind) =>
      new StageService(
        run.context,
        run.pipeline.id,
        settings,
        kind,
        () => this.wake(),
      );
    switch (settings.kind) {
      case "source":
        return { makeLanes: () => [] };
      case "transform": {
        const service = serviceOf("transform");
        return {
          service,
          makeLanes: lanes(() =>
            new Lane(this, service, new TransformExchange(this, settings))
          ),
        };
      }
      case "lookup": {
        const service = serviceOf("lookup");
        const { cache: bounds } = settings.lookup;
        const cache = bounds &&
          new LookupCache(bounds.entriesMax, bounds.ttlMs);
        return {
          service,
          makeLanes: lanes(() =>
            new Lane(this, service, new LookupExchange(this, settings, cache))
          ),
        };
      }
      case "sink": {
        const service = serviceOf("sink");
        return {
          service,
          pending: new PendingFlush(this, service),
          makeLanes: lanes(() =>
            new Lane(this, service, new SinkExchange(this, settings))
          ),
        };
      }
      case "relay": {
        const service = serviceOf("relay");
        return {
          service,
          makeLanes: lanes(() =>
            new Lane(this, service, new RelayExchange(this, settings))
          ),
        };
      }
      default:
        return settings satisfies never;
    }
  }
}

function targetsOf(routes: StageRoutes): readonly number[] {
  switch (routes.kind) {
    case "fixed":
      return routes.targets;
    case "edges":
      return routes.edges.map(({ target }) => target);
    case "rules":
      return [...new Set(routes.rules.flatMap(({ targets }) => targets))];
    default:
      return routes satisfies never;
  }
}
