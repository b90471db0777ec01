/**
 * The pipelines. Their configurations are kept as the bytes that were proposed: whether a pipeline
 * is valid is decided before, by lib/routing. A pipeline's version rises by 1 with each update, so
 * that a node can tell which graph a record entered.
 */
import { Code } from "../errors.ts";
import { pipelineBytesMax, pipelinesMax } from "../limits.ts";
import type {
  CreatePipeline,
  DeletePipeline,
  Pipeline,
  SetPipelineEnabled,
  SnapshotEntry,
  UpdatePipeline,
} from "../../proto/messages/state.ts";
import { NameIndex } from "./name_index.ts";
import { OrderedTable } from "./ordered_table.ts";
import { outlineOf, type StageOutline } from "./pipeline_outline.ts";
import { badId, done, noRoomFor, notFound, refuse } from "./rules.ts";
import type {
  Aggregate,
  AppliedAt,
  Done,
  Outcome,
  Refused,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

type Change = Extract<StateEvent, { kind: "pipelineChanged" }>["change"];

/** What may be asked of the pipelines. */
export interface PipelinesView {
  readonly size: number;
  /** The pipeline of that id. */
  get(pipelineId: string): Readonly<Pipeline> | undefined;
  /** All pipelines, in order of their id. */
  list(): Readonly<Pipeline>[];
  /** The stages of that id, in order of their pipelines' ids. */
  stagesNamed(stageId: string): StageOutline[];
  /** The enabled pipelines with a stage that selects a service of that name, in order of their id. */
  using(service: string): Readonly<Pipeline>[];
}

/** The pipelines, by id. */
export class Pipelines implements Aggregate, PipelinesView {
  readonly #table: OrderedTable<Readonly<Pipeline>> = new OrderedTable();
  readonly #byStage: NameIndex = new NameIndex();
  readonly #byService: NameIndex = new NameIndex();

  get size(): number {
    return this.#table.size;
  }

  get(pipelineId: string): Readonly<Pipeline> | undefined {
    return this.#table.get(pipelineId);
  }

  list(): Readonly<Pipeline>[] {
    return [...this.#table.values()];
  }

  stagesNamed(stageId: string): StageOutline[] {
    return this.#byStage.ids(stageId).flatMap((id) =>
      outlineOf(this.#table.get(id)!).stages.filter((each) =>
        each.id === stageId
      )
    );
  }

  using(service: string): Readonly<Pipeline>[] {
    return this.#byService.ids(service).map((id) => this.#table.get(id)!)
      .filter(({ enabled }) => enabled);
  }

  create(command: CreatePipeline, { atMs }: AppliedAt): Outcome {
    const { pipelineId, config, enabled } = command;
    const bad = badId("pipeline_id", pipelineId) ?? badConfig(config);
    if (bad) return bad;
    if (this.#table.has(pipelineId)) {
      return refuse(
        Code.AlreadyExists,
        "pipeline_id",
        "must be new (there is such a pipeline: update it)",
        pipelineId,
      );
    }
    if (this.size >= pipelinesMax) {
      return noRoomFor("pipeline_id", "pipelines", pipelinesMax);
    }
    return this.#put("created", {
      pipelineId,
      // The command's bytes belong to the log.
      config: config.slice(),
      enabled,
      version: 1,
      createdAtMs: atMs,
      updatedAtMs: atMs,
    });
  }

  update(command: UpdatePipeline, { atMs }: AppliedAt): Outcome {
    const { pipelineId, config, enabled, expectedVersion } = command;
    const before = this.#table.get(pipelineId);
    if (!before) return notFound("pipeline_id", "pipeline", pipelineId);
    const bad = badConfig(config);
    if (bad) return bad;
    if (expectedVersion !== 0 && expectedVersion !== before.version) {
      return refuse(
        Code.Aborted,
        "expected_version",
        `must be ${before.version}, the version of pipeline "${pipelineId}"`,
        expectedVersion,
      );
    }
    return this.#put("updated", {
      ...before,
      config: config.slice(),
      enabled,
      version: before.version + 1,
      updatedAtMs: atMs,
    });
  }

  delete({ pipelineId, force }: DeletePipeline): Outcome {
    const before = this.#table.get(pipelineId);
    if (!before) return notFound("pipeline_id", "pipeline", pipelineId);
    if (before.enabled && !force) {
      return refuse(
        Code.FailedPrecondition,
        "pipeline_id",
        "must name a disabled pipeline unless force is set",
        pipelineId,
      );
    }
    this.#unindex(before);
    this.#table.delete(pipelineId);
    return changed("deleted", before, before);
  }

  setEnabled(command: SetPipelineEnabled, { atMs }: AppliedAt): Outcome {
    const { pipelineId, enabled } = command;
    const before = this.#table.get(pipelineId);
    if (!before) return notFound("pipeline_id", "pipeline", pipelineId);
    if (before.enabled === enabled) {
      return done([], { pipeline: { version: before.version } });
    }
    return this.#put(enabled ? "enabled" : "disabled", {
      ...before,
      enabled,
      updatedAtMs: atMs,
    });
  }

  freeze(): SnapshotEntries {
    return entriesOf(this.#table.fork());
  }

  load({ pipeline }: SnapshotEntry): boolean {
    if (!pipeline) return false;
    this.#put("created", { ...pipeline, config: pipeline.config.slice() });
    return true;
  }

  #put(change: Change, pipeline: Readonly<Pipeline>): Done {
    const { pipelineId } = pipeline;
    const before = this.#table.get(pipelineId);
    if (before?.config !== pipeline.config) {
      if (before) this.#unindex(before);
      for (const { id, service } of outlineOf(pipeline).stages) {
        this.#byStage.add(id, pipelineId);
        this.#byService.add(service, pipelineId);
      }
    }
    this.#table.set(pipelineId, pipeline);
    return changed(change, pipeline, before);
  }

  #unindex(pipeline: Readonly<Pipeline>): void {
    for (const { id, service } of outlineOf(pipeline).stages) {
      this.#byStage.remove(id, pipeline.pipelineId);
      this.#byService.remove(service, pipeline.pipelineId);
    }
  }
}

function* entriesOf(table: OrderedTable<Readonly<Pipeline>>): SnapshotEntries {
  for (const pipeline of table.values()) yield { pipeline };
}

function changed(
  change: Change,
  pipeline: Readonly<Pipeline>,
  before: Readonly<Pipeline> | undefined,
): Done {
  return done([{ kind: "pipelineChanged", change, pipeline, before }], {
    pipeline: { version: pipeline.version },
  });
}

function badConfig(config: Uint8Array): Refused | undefined {
  if (config.length > 0 && config.length <= pipelineBytesMax) return undefined;
  return refuse(
    Code.InvalidArgument,
    "config",
    `must have 1 to ${pipelineBytesMax} bytes`,
    config,
  );
}
