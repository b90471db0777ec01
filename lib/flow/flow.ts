/**
 * The flow of records through one node: sources bring batches, pipelines take them through their
 * stages, and each record is acked once every required sink has it. What is outside (services, dead
 * letters, offsets, time) is reached through ports, so that the whole runs without a network.
 *
 * Nothing accepted is lost while the flow lives: a record is settled, rejected, or still under way.
 * What is under way when it closes was not acked, and its source sends it again.
 */
import { AckTracker } from "../delivery/ack_tracker.ts";
import { Buffer } from "../delivery/buffer.ts";
import type { Intake } from "../delivery/intake.ts";
import { pressureLevel } from "../delivery/pressure.ts";
import { housekeepingMs } from "../limits.ts";
import type { BackpressureLevel } from "../../proto/messages/source.ts";
import type { CompiledPipeline } from "../routing/types.ts";
import { FlowCounters } from "./counters.ts";
import type { FlowContext, FlowPorts } from "./flow_context.ts";
import { type FlowOptions, resolveFlowOptions } from "./flow_options.ts";
import { type PipelineReport, reportOf } from "./flow_report.ts";
import { OffsetCommitter } from "./offset_committer.ts";
import { Pipelines } from "./pipelines.ts";
import { type Handover, Receiver } from "./receiver.ts";
import { type Replay, Replayer, type ReplayOutcome } from "./replayer.ts";
import {
  type PulledSource,
  type SessionHost,
  type SourceListener,
  SourceSession,
} from "./source_session.ts";
import { Sources } from "./sources.ts";
import { StageEntry } from "./stage_entry.ts";
import { stopping } from "./stopping.ts";
import { Views } from "./views.ts";

/** Answers a request for credit. */
export interface CreditAnswer {
  readonly granted: number;
  /** Records that the router could still take from the source. */
  readonly available: number;
  readonly expiresInMs: number;
  readonly level: BackpressureLevel;
}

/** What a stream of a source is for. */
export interface SourceOpening {
  /** The source that is pulled from. */
  readonly pulled?: PulledSource;
  /** Only what this pipeline takes is taken, since that is what its source means to feed. */
  readonly pipelineId?: string;
}

/** The flow of one node. */
export class Flow implements AsyncDisposable {
  readonly counters: FlowCounters = new FlowCounters();
  readonly #context: FlowContext;
  readonly #sources: Sources;
  readonly #pipelines: Pipelines;
  readonly #committer: OffsetCommitter;
  readonly #entry: StageEntry;
  readonly #replayer: Replayer;
  readonly #receiver: Receiver;
  readonly #sessions: Set<SourceSession> = new Set();
  /** Those that wait for room to read. */
  readonly #waiting: Set<SourceSession> = new Set();
  readonly #host: SessionHost;
  #draining = false;
  #closed = false;
  #cancelTick: () => void;

  constructor(ports: FlowPorts, options: FlowOptions = {}) {
    const resolved = resolveFlowOptions(options);
    const buffer = new Buffer(resolved.bounds);
    this.#context = {
      ports,
      options: resolved,
      buffer,
      tracker: new AckTracker(buffer),
      counters: this.counters,
      views: new Views(),
      replays: new Map(),
      tell: () => this.#tell(),
    };
    this.#sources = new Sources(this.#context);
    this.#pipelines = new Pipelines(this.#context);
    this.#committer = new OffsetCommitter(this.#context);
    const entry = this.#entry = new StageEntry(this.#context);
    this.#replayer = new Replayer(this.#context, this.#pipelines, entry);
    this.#receiver = new Receiver(this.#context, this.#pipelines, entry);
    this.#host = this.#sessionHost("");
    this.#cancelTick = this.#tickLater();
  }

  /** Records under way, and what they take. */
  get underWay(): {
    readonly records: number;
    readonly bytes: number;
    readonly partitions: number;
  } {
    const { records, bytes } = this.#context.buffer;
    return { records, bytes, partitions: this.#sources.partitions };
  }

  /** Records that were accepted and are settled, since the start. */
  get settled(): number {
    return this.#context.tracker.settled;
  }

  /**
   * Opens a stream of a source, or of one that is pulled from. Unavailable once the flow drains.
   */
  openSource(
    listener: SourceListener,
    { pulled, pipelineId = "" }: SourceOpening = {},
  ): SourceSession {
    if (this.#draining) throw stopping("open source");
    const host = pipelineId === "" ? this.#host : this.#sessionHost(pipelineId);
    const session = new SourceSession(host, listener, pulled);
    this.#sessions.add(session);
    return session;
  }

  /** Grants a source credit apart from a stream; any stream of it may spend it. */
  requestCredits(sourceId: string, requested: number): CreditAnswer {
    const { buffer, options, ports: { clock } } = this.#context;
    const source = this.#sources.get(sourceId);
    const expiresInMs = options.creditTtlMs;
    if (source === undefined) {
      return { granted: 0, available: 0, expiresInMs, level: 0 };
    }
    const nowMs = clock.monotonicMs();
    const available = buffer.recordRoom(source.account);
    const room = Math.min(available, options.creditWindowRecords) -
      source.credits.available(nowMs);
    const granted = this.#draining ? 0 : Math.max(0, Math.min(requested, room));
    source.credits.grant(granted, nowMs + expiresInMs);
    const level = pressureLevel(buffer.fraction(source.account), 0);
    return { granted, available, expiresInMs, level };
  }

  /**
   * Takes records by this pipeline from now on. Those in an older version of it finish there first; if it
   * cannot finish them, they begin anew in this one.
   */
  setPipeline(pipeline: CompiledPipeline): void {
    this.#pipelines.set(pipeline);
  }

  /** Takes no more records by the pipeline; resolves when those in it are settled. */
  removePipeline(pipelineId: string): Promise<void> {
    return this.#pipelines.remove(pipelineId);
  }

  /** Resolves when no record is in any version of the pipeline. */
  async whenSettled(pipelineId: string): Promise<void> {
    await this.#pipelines.settled(pipelineId);
  }

  /** Ids of the pipelines that take records. */
  get pipelineIds(): readonly string[] {
    return this.#pipelines.ids;
  }

  /** Ids of those of them of which a stage waits. */
  get troubledIds(): readonly string[] {
    return this.#pipelines.troubledIds;
  }

  /** Gives up the records in a pipeline: they are rejected, so that their sources still have them. */
  giveUpPipeline(pipelineId: string): void {
    const { options, tracker, ports: { clock } } = this.#context;
    tracker.givenBackUntilMs = clock.monotonicMs() + options.refusedHoldMs;
    this.#pipelines.giveUp(pipelineId);
    this.#tell();
  }

  /** How a pipeline goes; undefined when there is none. */
  report(pipelineId: string): PipelineReport | undefined {
    return reportOf(this.#pipelines.runsOf(pipelineId));
  }

  /** The ids of the source stages by which a pipeline takes the records of a source. */
  entriesOf(pipelineId: string, sourceId: string): readonly string[] {
    const run = this.#pipelines.get(pipelineId);
    return run?.entriesOf(sourceId).map((index) =>
      run.pipeline.stages[index]!.id
    ) ?? [];
  }

  /** Services have come, gone, or become healthy. */
  servicesChanged(): void {
    this.#pipelines.servicesChanged();
    this.#tell();
  }

  /** An offset was committed by somebody else: records up to it are duplicates from now on. */
  offsetRaised(sourceId: string, partition: number, offset: bigint): void {
    const source = this.#sources.find(sourceId);
    source && this.#sources.known(source, partition)?.raise(offset);
  }

  /** Sends a dead letter through again; resolves with what became of it. Unavailable once the flow drains. */
  replay(replay: Replay): Promise<ReplayOutcome> {
    if (this.#draining) return Promise.reject(stopping("replay dead letter"));
    return this.#replayer.replay(replay);
  }

  /**
   * Takes records over for a stage that runs here; `done` is told once, of the outcome of each, or
   * without one when the flow closes before. Throws
   * when it takes none of them: NotFound, ResourceExhausted, InvalidArgument, or Unavailable once the
   * flow drains.
   */
  receive(
    handover: Handover,
    done: (intake: Intake | undefined) => void,
  ): void {
    if (this.#draining) throw stopping("take records over");
    this.#receiver.receive(handover, done);
  }

  /**
   * Resolves when the offsets are committed of what the source has heard acks of, or cannot be now. They are
   * within a moment anyway; whoever is about to ask where the source goes on does not wait for that.
   */
  commitOffsets(sourceId: string): Promise<void> {
    return this.#committer.commitOf(sourceId);
  }

  /** Takes no more records; resolves when all are settled and their offsets committed. */
  async drain(): Promise<void> {
    this.#draining = true;
    await this.#pipelines.settled();
    this.#tell();
    await this.#committer.flush();
  }

  /** Stops at once. What is under way was not acked. Idempotent. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = this.#draining = true;
    this.#cancelTick();
    for (const session of this.#sessions) session.close();
    this.#pipelines.close();
    this.#entry.close();
    this.#committer.close();
    return Promise.resolve();
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tell(): void {
    const { tracker } = this.#context;
    tracker.tellOwners();
    for (const window of tracker.givenBack) this.#sources.holdRefused(window);
    tracker.givenBack.length = 0;
    for (const session of this.#waiting) {
      if (session.waits) session.look();
      if (!session.waits) this.#waiting.delete(session);
    }
    if (tracker.raised.length === 0) return;
    this.#committer.add(tracker.raised);
    tracker.raised.length = 0;
  }

  #sessionHost(pipelineId: string): SessionHost {
    const isDraining = (): boolean => this.#draining;
    return {
      context: this.#context,
      sources: this.#sources,
      get draining() {
        return isDraining();
      },
      takersOf: (source) => {
        const takers = this.#pipelines.takersOf(source);
        const isMeant = pipelineId === "" ||
          takers.some(({ run }) => run.pipeline.id === pipelineId);
        return isMeant ? takers : [];
      },
      sessionClosed: (session) => {
        this.#sessions.delete(session);
        // The source may go on at another node.
        if (!this.#closed) void this.#committer.commitAll();
      },
      sessionWaits: (session) => void this.#waiting.add(session),
    };
  }

  /** From time to time: credit lapses, refused records are forgotten, room has come elsewhere. */
  #tickLater(): () => void {
    const { scheduler, clock } = this.#context.ports;
    return scheduler.after(housekeepingMs, () => {
      this.#sources.tick(clock.monotonicMs());
      this.#pipelines.look();
      this.#tell();
      for (const session of this.#sessions) session.look();
      this.#cancelTick = this.#tickLater();
    });
  }
}
