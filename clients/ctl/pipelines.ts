/** The commands about pipelines that there are. */
import { Code, ConveyorError } from "../../lib/errors.ts";
import type { PipelineConfig } from "../../proto/messages/router.ts";
import type { AdminClient, PipelineDescription } from "../admin_client.ts";
import type { Call } from "./command.ts";
import { pipelineType, saysAll } from "./pipeline_file.ts";
import { writeForm } from "./write_form.ts";

export async function list(call: Call): Promise<void> {
  await using admin = await call.session.admin();
  showPipelines(call, await admin.listPipelines(true), true);
}

export async function get(call: Call): Promise<void> {
  await using admin = await call.session.admin();
  const { config } = await existing(admin, call.words[0]!);
  showPipelines(call, [config], false);
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

function showPipelines(
  { show, note }: Call,
  pipelines: readonly PipelineConfig[],
  several: boolean,
): void {
  for (const { id } of pipelines.filter((config) => !saysAll(config))) {
    note(
      `What is printed of pipeline "${id}" lacks fields that this version does not know: do not apply it`,
    );
  }
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

/** The pipeline; NotFound when there is none of that id. */
export async function existing(
  admin: AdminClient,
  id: string,
): Promise<PipelineDescription> {
  const found = await admin.getPipeline(id);
  if (found !== undefined) return found;
  throw new ConveyorError(Code.NotFound, `There is no pipeline "${id}"`);
}
