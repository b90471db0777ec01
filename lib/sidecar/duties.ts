/**
 * What a sidecar runs: does what the cluster says, in its order. A pipeline whose stages only moved
 * goes on as it is, and its records follow. One that is revoked takes nothing new and finishes; what is
 * not settled in time goes back to those that sent it, who have it still.
 */
import { Code, ConveyorError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import { runnablePipeline } from "../flow/runnable_pipeline.ts";
import { log } from "../log.ts";
import { placedPipeline } from "../routing/placed_pipeline.ts";
import type { Scheduler } from "../scheduler.ts";
import { sameBytes } from "../same_bytes.ts";
import { codecOf } from "../../proto/codec.ts";
import { schema } from "../../proto/schema.ts";
import type { PipelineConfig } from "../../proto/messages/router.ts";
import type {
  PipelineAssignment,
  SidecarCommand,
} from "../../proto/messages/sidecar.ts";
import type { RoutingTable } from "./routing_table.ts";

const configCodec = codecOf<PipelineConfig>(
  schema.lookupType("conveyor.router.PipelineConfig"),
);

/** What runs the pipelines. */
export type DutiesFlow = Pick<
  Flow,
  "setPipeline" | "removePipeline" | "giveUpPipeline" | "servicesChanged"
>;

/** What the duties are done with. */
export interface DutiesParts {
  readonly flow: DutiesFlow;
  readonly table: RoutingTable;
  readonly scheduler: Scheduler;
  /** Time in which the records of a revoked pipeline may settle. */
  readonly drainTimeoutMs: number;
}

/** A pipeline that runs. */
interface Duty {
  readonly version: bigint;
  /** Its configuration, serialized: one that was made anew may have the version of another. */
  readonly config: Uint8Array;
  /** Names of the sources whose records it takes. */
  readonly sources: readonly string[];
  /** Stages that run in other pods, or are pulled from at a router. */
  readonly elsewhere: ReadonlySet<string>;
}

/** The duties of one sidecar. */
export class Duties {
  readonly #parts: DutiesParts;
  readonly #running: Map<string, Duty> = new Map();
  /** Pipelines that were revoked and are not over, with how their deadline is lifted. */
  readonly #leaving: Map<string, () => void> = new Map();

  constructor(parts: DutiesParts) {
    this.#parts = parts;
  }

  /** Ids of the pipelines that take records. */
  get pipelineIds(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** Names of the sources whose records some of them take. */
  get sourceNames(): ReadonlySet<string> {
    return new Set(
      [...this.#running.values()].flatMap(({ sources }) => sources),
    );
  }

  /** Does what a command says. */
  obey({ assign, revoke, drain }: SidecarCommand): void {
    if (assign) this.assign(assign);
    if (revoke) this.revoke(revoke.pipelineId, revoke.drainFirst);
    for (const pipelineId of drain?.pipelineIds ?? []) {
      this.revoke(pipelineId, true);
    }
  }

  /** These are all assignments; whatever else runs is revoked. */
  replaceAll(assignments: readonly PipelineAssignment[]): void {
    const kept = new Set(assignments.map(({ pipelineId }) => pipelineId));
    for (const pipelineId of this.pipelineIds) {
      if (!kept.has(pipelineId)) this.revoke(pipelineId, true);
    }
    for (const assignment of assignments) this.#assign(assignment);
    this.#parts.flow.servicesChanged();
  }

  /** Runs a pipeline as the assignment says, in place of as before. */
  assign(assignment: PipelineAssignment): void {
    this.#assign(assignment);
    this.#parts.flow.servicesChanged();
  }

  #assign(assignment: PipelineAssignment): void {
    const { flow, table } = this.#parts;
    const { pipelineId, pipelineVersion: version, stages } = assignment;
    const compiled = runnablePipeline(pipelineId, () => configIn(assignment));
    if (compiled === undefined) return this.revoke(pipelineId, true);
    this.#stay(pipelineId);
    const before = this.#running.get(pipelineId);
    const pulled = new Set(
      compiled.sinks.filter(({ delivery }) => delivery === "pull")
        .map(({ id }) => id),
    );
    const elsewhere = new Set(
      stages.filter(({ remoteSidecar, stageId }) =>
        remoteSidecar || pulled.has(stageId)
      ).map(({ stageId }) => stageId),
    );
    table.set(assignment, pulled);
    const sources = compiled.sources.map(({ selector }) =>
      selector.serviceName
    );
    const config = configCodec.encode(configIn(assignment));
    this.#running.set(pipelineId, { version, config, sources, elsewhere });
    if (
      before?.version !== version || !sameBytes(before.config, config) ||
      before.elsewhere.symmetricDifference(elsewhere).size > 0
    ) {
      // What waits here for a service that is now in another pod begins anew, and follows it.
      flow.setPipeline(
        placedPipeline(compiled, (stageId) => elsewhere.has(stageId)),
      );
    }
  }

  /** Takes nothing new by a pipeline; with `drainFirst`, what is in it may settle for a while. */
  revoke(pipelineId: string, drainFirst: boolean): void {
    const { flow, table, scheduler, drainTimeoutMs } = this.#parts;
    if (!this.#running.delete(pipelineId)) return;
    const settled = flow.removePipeline(pipelineId);
    if (!drainFirst) flow.giveUpPipeline(pipelineId);
    const cancel = scheduler.after(drainTimeoutMs, () => {
      log.warn("Records of a revoked pipeline go back to their senders", {
        pipeline: pipelineId,
      });
      flow.giveUpPipeline(pipelineId);
    });
    this.#leaving.set(pipelineId, cancel);
    // Until then its records find the stages where they were last.
    settled.then(() => {
      if (this.#leaving.get(pipelineId) !== cancel) return;
      this.#stay(pipelineId);
      table.delete(pipelineId);
    });
  }

  /** Waits for nothing more. */
  close(): void {
    for (const pipelineId of [...this.#leaving.keys()]) this.#stay(pipelineId);
  }

  /** The pipeline does not leave, or has left. */
  #stay(pipelineId: string): void {
    this.#leaving.get(pipelineId)?.();
    this.#leaving.delete(pipelineId);
  }
}

/** The configuration that came with an assignment. */
function configIn({ config }: PipelineAssignment): PipelineConfig {
  if (config !== undefined) return config;
  throw new ConveyorError(
    Code.FailedPrecondition,
    "its assignment came without its configuration, which routers of this package send",
  );
}
