/** The commands about pipelines that there are. */
import { Code, ConveyorError } from "../../lib/errors.ts";
import { type PipelineConfig, StageType } from "../../proto/messages/router.ts";
import type { AdminClient, PipelineDescription } from "../admin_client.ts";
import type { Call } from "./command.ts";
import { pipelineType } from "./pipeline_file.ts";
import { schema } from "../../proto/schema.ts";
import { writeForm } from "./write_form.ts";

const statusType = schema.lookupType("conveyor.router.PipelineStatus");

export async function list({ session, show }: Call): Promise<void> {
  await using admin = await session.admin();
  showPipelines(show, await admin.listPipelines(true), true);
}

export async function get({ session, show, words: [id] }: Call): Promise<void> {
  await using admin = await session.admin();
  const { config } = await existing(admin, id!);
  showPipelines(show, [config], false);
}

export async function remove(call: Call): Promise<void> {
  const id = call.words[0]!;
  await using admin = await call.session.admin();
  await admin.deletePipeline(id, call.flags.isSet("force"));
  call.say(`pipeline "${id}" deleted`);
}

export async function enable({ session, say, words }: Call): Promise<void> {
  const id = words[0]!;
  await using admin = await session.admin();
  await admin.enablePipeline(id);
  say(`pipeline "${id}" enabled`);
}

export async function disable(call: Call): Promise<void> {
  const id = call.words[0]!;
  await using admin = await call.session.admin();
  const drain = call.flags.isSet("drain");
  const pending = await admin.disablePipeline(id, drain, call.session.patient);
  const rest = pending === 0n
    ? ""
    : `, with ${pending} records still under way`;
  call.say(`pipeline "${id}" disabled${rest}`);
}

/** How stages go on the router that answers. */
export async function status({ session, show, words }: Call): Promise<void> {
  await using admin = await session.admin();
  const found = words[0] === undefined
    ? await all(admin)
    : [await existing(admin, words[0])];
  const forms = found.map(({ config, status }) => ({
    id: config.id,
    ...writeForm(statusType, status, true) as object,
  }));
  show({
    forms: words[0] === undefined ? forms : forms[0]!,
    table: () => [
      [
        "PIPELINE",
        "STAGE",
        "TYPE",
        "DONE",
        "WAITING",
        "ERRORS",
        "LATENCY",
        "TROUBLE",
      ],
      ...found.flatMap(stageRows),
    ],
  });
}

function stageRows({ config, status }: PipelineDescription): string[][] {
  return config.stages.map(({ id, stageType }) => {
    const stage = status.stageStatuses[id];
    return [
      config.id,
      id,
      StageType[stageType]!.toLowerCase(),
      `${stage?.recordsProcessed ?? 0}`,
      `${stage?.recordsBuffered ?? 0}`,
      `${stage?.errors ?? 0}`,
      stage ? `${stage.avgLatencyMs.toFixed(1)}ms` : "-",
      stage?.trouble || (config.enabled ? "-" : "disabled"),
    ];
  });
}

function showPipelines(
  show: Call["show"],
  pipelines: readonly PipelineConfig[],
  several: boolean,
): void {
  const forms = pipelines.map((config) => writeForm(pipelineType, config));
  show({
    forms: several ? forms : forms[0]!,
    table: () => [
      ["ID", "ENABLED", "STAGES", "EDGES", "NAME"],
      ...pipelines.map(({ id, enabled, stages, edges, name }) => [
        id,
        enabled ? "yes" : "no",
        `${stages.length}`,
        `${edges.length}`,
        name,
      ]),
    ],
  });
}

async function all(admin: AdminClient): Promise<PipelineDescription[]> {
  const found: PipelineDescription[] = [];
  for (const { id } of await admin.listPipelines(true)) {
    const pipeline = await admin.getPipeline(id);
    // Deleted since the list was made.
    if (pipeline !== undefined) found.push(pipeline);
  }
  return found;
}

async function existing(
  admin: AdminClient,
  id: string,
): Promise<PipelineDescription> {
  const found = await admin.getPipeline(id);
  if (found !== undefined) return found;
  throw new ConveyorError(Code.NotFound, `There is no pipeline "${id}"`);
}
