/**
 * The outlets of all stages whose records are pulled, by the source that they are to consumers:
 * "<pipeline_id>/<stage_id>". Those of a pipeline that is replaced or disabled serve until what they
 * have is settled.
 */
import type { Clock } from "../clock.ts";
import { PulledIdentity } from "../delivery/pulled_identity.ts";
import { Code, ConveyorError, quote } from "../errors.ts";
import type { CompiledPipeline } from "../routing/types.ts";
import type { Scheduler } from "../scheduler.ts";
import type { AckRequestView } from "../../proto/ack_request_view.ts";
import type { PullRequest } from "../../proto/messages/source.ts";
import { StageOutlet } from "./stage_outlet.ts";

/** The outlets of one node. */
export class PulledStages {
  readonly #nodeId: number;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  /** By the source that they are. */
  readonly #outlets: Map<string, StageOutlet> = new Map();
  /** Those that take no more records, and may have some left. */
  readonly #closing: Set<string> = new Set();
  /** The sources of each pipeline that runs. */
  readonly #running: Map<string, readonly string[]> = new Map();

  constructor(nodeId: number, clock: Clock, scheduler: Scheduler) {
    this.#nodeId = nodeId;
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  /** The pipeline runs in this version. */
  set(pipeline: CompiledPipeline): void {
    const sources = pipeline.stages
      .filter((stage) => stage.kind === "sink" && stage.delivery === "pull")
      .map(({ id }) => sourceOf(pipeline.id, id));
    this.remove(pipeline.id);
    this.#running.set(pipeline.id, sources);
    for (const source of sources) {
      this.#closing.delete(source);
      this.#outlet(source).open();
    }
  }

  /** The pipeline takes no more records. */
  remove(pipelineId: string): void {
    for (const source of this.#running.get(pipelineId) ?? []) {
      this.#outlets.get(source)?.close();
      this.#closing.add(source);
    }
    this.#running.delete(pipelineId);
    for (const source of this.#closing) {
      if (this.has(source)) continue;
      this.#outlets.delete(source);
      this.#closing.delete(source);
    }
  }

  /** What the records of a stage are written to. */
  of(pipelineId: string, stageId: string): StageOutlet {
    const source = sourceOf(pipelineId, stageId);
    const outlet = this.#outlet(source);
    if (!this.#running.get(pipelineId)?.includes(source)) {
      // Records of a version that is no more, which were at an earlier stage when it went.
      outlet.close();
      this.#closing.add(source);
    }
    return outlet;
  }

  /** Whether records wait at this node as that source, or may come to. */
  has(source: string): boolean {
    return this.#outlets.get(source)?.isOver === false;
  }

  /** Serialized batches for a consumer. NotFound: there is no such source. */
  pull(
    request: PullRequest,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    return this.#known(request.sourceId).pull(request, signal);
  }

  /** How many records are settled by these acks. NotFound: there is no such source. */
  acknowledge(acks: AckRequestView): number {
    return this.#known(acks.sourceId).acknowledge(acks);
  }

  #outlet(source: string): StageOutlet {
    let outlet = this.#outlets.get(source);
    if (outlet === undefined) {
      const identity = new PulledIdentity(
        source,
        this.#nodeId - 1,
        this.#clock.nowMs(),
      );
      outlet = new StageOutlet(identity, this.#scheduler);
      this.#outlets.set(source, outlet);
    }
    return outlet;
  }

  #known(source: string): StageOutlet {
    const outlet = this.#outlets.get(source);
    if (outlet && !outlet.isOver) return outlet;
    const rule =
      'must be "<pipeline_id>/<stage_id>" of an enabled pipeline and a sink stage of it with the label "conveyor/delivery" = "pull"';
    throw new ConveyorError(
      Code.NotFound,
      `Cannot pull from ${quote(source)}: source_id ${rule}`,
      { details: [{ field: "source_id", description: rule }] },
    );
  }
}

function sourceOf(pipelineId: string, stageId: string): string {
  return `${pipelineId}/${stageId}`;
}
