/**
 * Keeps what runs on this node the same as what the replicated state says: pipelines that are enabled
 * run in their present version, and the flow learns of services that come and go and of offsets that
 * others commit.
 */
import type { Clock } from "../clock.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { Code, ConveyorError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import { offsetLookupTimeoutMs, pipelinesSliceMs } from "../limits.ts";
import { runnablePipeline } from "../flow/runnable_pipeline.ts";
import { configOf } from "../handlers/admin_handler.ts";
import type { Pipeline } from "../../proto/messages/state.ts";
import { sameBytes } from "../same_bytes.ts";
import type { Scheduler } from "../scheduler.ts";
import type { StateEvent } from "../state/types.ts";

/** What runs pipelines. */
export interface PipelinesPort extends
  Pick<
    Flow,
    | "setPipeline"
    | "removePipeline"
    | "giveUpPipeline"
    | "servicesChanged"
    | "offsetRaised"
  > {
  /** Which sources are pulled, or by whom, may have changed. */
  pullsChanged(): void;
}

/** The supervisor of one node. */
export class PipelineSupervisor {
  readonly #replicated: ReplicatedState;
  readonly #pipelines: PipelinesPort;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #closing = new AbortController();
  /** Those that run, by id. */
  readonly #running: Map<string, Readonly<Pipeline>> = new Map();
  /** While everything is made as the state says. */
  #taking: Promise<void> | undefined;
  #watching: Promise<void> | undefined;
  /** Whether the flow is still to hear of changed services. */
  #servicesChanged = false;

  constructor(
    replicated: ReplicatedState,
    pipelines: PipelinesPort,
    clock: Clock,
    scheduler: Scheduler,
  ) {
    this.#replicated = replicated;
    this.#pipelines = pipelines;
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  /** Follows the state from now on; resolves when what is enabled now runs. */
  async start(): Promise<void> {
    this.#watching = this.#follow();
    await this.#taking;
  }

  /**
   * Resolves when what runs here is as everything says that was answered, by whatever node, before the
   * call; without a majority of the nodes after a bounded time, as records flow on without one.
   */
  async caughtUp(): Promise<void> {
    const late = new AbortController();
    const cancel = this.#scheduler.after(
      offsetLookupTimeoutMs,
      () => late.abort(),
    );
    try {
      await this.#replicated.upToDate(late.signal);
    } catch {
      return;
    } finally {
      cancel();
    }
    do {
      await this.#taking;
      // What is to be followed is there, and followed by the next turn; services are told of in that.
      for (let turns = 0; turns < 2; turns++) await this.#turn();
    } while (this.#taking);
  }

  /** Follows no more; what runs goes on. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    const { metadata } = this.#replicated;
    while (!signal.aborted) {
      const { appliedIndex } = metadata;
      this.#takeAll();
      try {
        for await (const { event } of metadata.watch(appliedIndex, signal)) {
          this.#take(event);
        }
        return;
      } catch (error) {
        if (!isBehind(error)) return;
      }
    }
  }

  /** Makes everything as the state says, while it is followed. */
  #takeAll(): void {
    const taking = this.#takeInTurns().finally(() => {
      if (this.#taking === taking) this.#taking = undefined;
    });
    this.#taking = taking;
  }

  /**
   * In slices: thousands of pipelines in one go would keep the node from its heartbeats for so long
   * that the others elect another leader.
   */
  async #takeInTurns(): Promise<void> {
    const { state } = this.#replicated;
    const ids = state.pipelines.list().map(({ pipelineId }) => pipelineId);
    const known = new Set(ids);
    for (const id of [...this.#running.keys()]) {
      if (!known.has(id)) this.#delete(id);
    }
    this.#pipelines.servicesChanged();
    let sliceEndMs = this.#clock.monotonicMs() + pipelinesSliceMs;
    for (const id of ids) {
      if (this.#clock.monotonicMs() >= sliceEndMs) {
        await this.#turn();
        sliceEndMs = this.#clock.monotonicMs() + pipelinesSliceMs;
      }
      if (this.#closing.signal.aborted) break;
      this.#setPresent(id);
    }
    this.#pipelines.pullsChanged();
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#scheduler.soon(resolve));
  }

  #take(event: StateEvent): void {
    switch (event.kind) {
      case "pipelineChanged":
        if (event.change === "deleted") {
          this.#delete(event.pipeline.pipelineId);
        }
        this.#setPresent(event.pipeline.pipelineId);
        return this.#pipelines.pullsChanged();
      case "serviceAdded":
      case "serviceModified":
      case "serviceHealthChanged":
      case "serviceRemoved":
      case "groupMembersChanged":
        return this.#tellOfServices();
      case "pullOwnersChanged":
      case "partitionsAssigned":
      case "partitionsRevoked":
        return this.#pipelines.pullsChanged();
      case "offsetsCommitted":
        return this.#raise(event);
      default:
    }
  }

  /** Once for all changes of a turn: each telling is a walk over all services. */
  #tellOfServices(): void {
    if (this.#servicesChanged) return;
    this.#servicesChanged = true;
    this.#scheduler.soon(() => {
      this.#servicesChanged = false;
      if (this.#closing.signal.aborted) return;
      this.#pipelines.servicesChanged();
      this.#pipelines.pullsChanged();
    });
  }

  #raise(
    { sourceId, partitions }: Extract<StateEvent, { kind: "offsetsCommitted" }>,
  ): void {
    const { offsets } = this.#replicated.state;
    for (const partition of partitions) {
      const committed = offsets.get(sourceId, partition);
      if (committed === undefined) continue;
      this.#pipelines.offsetRaised(sourceId, partition, committed.offset);
    }
  }

  /** As it is now, and not as it was: whoever took it out may have been told that it runs no more. */
  #setPresent(pipelineId: string): void {
    const pipeline = this.#replicated.state.pipelines.get(pipelineId);
    if (pipeline) this.#set(pipeline);
  }

  #set(pipeline: Readonly<Pipeline>): void {
    const { pipelineId, enabled } = pipeline;
    if (!enabled) return this.#stop(pipelineId);
    const before = this.#running.get(pipelineId);
    if (before && isSame(before, pipeline)) return;
    const compiled = runnablePipeline(pipelineId, () => configOf(pipeline));
    if (compiled === undefined) return this.#stop(pipelineId);
    this.#running.set(pipelineId, pipeline);
    this.#pipelines.setPipeline(compiled);
  }

  /** The records in it are finished. */
  #stop(pipelineId: string): void {
    if (!this.#running.delete(pipelineId)) return;
    void this.#pipelines.removePipeline(pipelineId);
  }

  /** The records in it go back to their sources: nobody can say any more where they are to go. */
  #delete(pipelineId: string): void {
    this.#stop(pipelineId);
    this.#pipelines.giveUpPipeline(pipelineId);
  }
}

/** One that was made anew, or brought back, may have the version of another. */
function isSame(a: Readonly<Pipeline>, b: Readonly<Pipeline>): boolean {
  return a.version === b.version && sameBytes(a.config, b.config);
}

function isBehind(error: unknown): boolean {
  return error instanceof ConveyorError && error.code === Code.Aborted;
}
