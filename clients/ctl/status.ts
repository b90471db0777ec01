/**
 * `status`: how the stages of pipelines go. Each router runs its own share of the records: all that are
 * named by `--router` are asked.
 */
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../lib/clock.ts";
import { type StageStatus, StageType } from "../../proto/messages/router.ts";
import { schema } from "../../proto/schema.ts";
import type { AdminClient, PipelineDescription } from "../admin_client.ts";
import type { Call } from "./command.ts";
import { onEachRouter } from "./each_router.ts";
import { type Column, fieldAt, rowsOf } from "./output.ts";
import { existing } from "./pipelines.ts";
import { type Form, writeForm } from "./write_form.ts";

const stageType = schema.lookupType("conveyor.router.StageStatus");
/** How long `--rate` looks. */
const rateMs = 1_000;

const columns: readonly Column[] = [
  ["PIPELINE", "pipeline_id"],
  ["STAGE", "stage_id"],
  ["TYPE", "stage_type"],
  ["DONE", "records_processed"],
  ["WAITING", "records_buffered"],
  ["ERRORS", "errors"],
  ["LATENCY MS", "avg_latency_ms"],
  [
    "TROUBLE",
    (form) =>
      fieldAt(form, "trouble") ||
      (fieldAt(form, "enabled") ? "" : "the pipeline is disabled"),
  ],
];
const routerColumn: Column = ["ROUTER", "router"];
const rateColumn: Column = ["RECORDS/S", "records_per_second"];

export async function status(call: Call): Promise<void> {
  const { session, flags, words: [id] } = call;
  const withRate = flags.isSet("rate");
  const forms: Form[] = [];
  const answered = await onEachRouter(
    call,
    (router) => session.admin([router]),
    async (admin, router) => {
      const before = withRate ? await look(admin, id) : undefined;
      if (before) await delay(rateMs);
      const now = await look(admin, id);
      for (const each of now.found) {
        forms.push(...each.config.stages.map((stage) => ({
          router,
          pipeline_id: each.config.id,
          enabled: each.status.enabled,
          stage_id: stage.id,
          stage_type: typeNameOf(stage.stageType),
          ...writeForm(stageType, stageOf(each, stage.id), true) as object,
          ...before &&
            { records_per_second: rateOf(before, now, each, stage.id) },
        })));
      }
    },
  );
  if (answered === 0) return;
  call.show({
    forms,
    table: () =>
      rowsOf([
        ...session.routers.length > 1 ? [routerColumn] : [],
        ...columns.slice(0, -1),
        ...withRate ? [rateColumn] : [],
        ...columns.slice(-1),
      ], forms),
  });
}

/** A newer router may know types that this version does not. */
function typeNameOf(type: StageType): string {
  return (StageType[type] ?? `${type}`).toLowerCase();
}

/** Pipelines at a moment. */
interface Look {
  readonly atMs: number;
  readonly found: readonly PipelineDescription[];
}

async function look(admin: AdminClient, id: string | undefined): Promise<Look> {
  const found: PipelineDescription[] = [];
  if (id === undefined) {
    for (const { id } of await admin.listPipelines(true)) {
      const pipeline = await admin.getPipeline(id);
      // Deleted since the list was made.
      if (pipeline !== undefined) found.push(pipeline);
    }
  } else found.push(await existing(admin, id));
  return { atMs: systemClock.monotonicMs(), found };
}

/** Records a second between two looks. A router that was started in between counts from zero. */
function rateOf(
  before: Look,
  now: Look,
  pipeline: PipelineDescription,
  stageId: string,
): number {
  const same = before.found.find(({ config }) =>
    config.id === pipeline.config.id
  );
  const last = same ? stageOf(same, stageId).recordsProcessed : 0n;
  const done = Number(stageOf(pipeline, stageId).recordsProcessed - last);
  return Math.max(0, Math.round(done / (now.atMs - before.atMs) * 1_000));
}

/** Of a stage that has had nothing to do yet, that it has done nothing. */
function stageOf(
  { status }: PipelineDescription,
  stageId: string,
): StageStatus {
  return status.stageStatuses[stageId] ?? idle;
}

const idle: StageStatus = {
  recordsProcessed: 0n,
  recordsBuffered: 0n,
  errors: 0n,
  avgLatencyMs: 0,
  trouble: "",
};
