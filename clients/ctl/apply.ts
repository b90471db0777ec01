/** `apply`: makes the pipelines of a cluster what files say. */
import { asConveyorError, Code, invalidArgument } from "../../lib/errors.ts";
import type { PipelineConfig } from "../../proto/messages/router.ts";
import type { AdminClient } from "../admin_client.ts";
import type { Call } from "./command.ts";
import {
  type FilePipeline,
  pipelineType,
  readPipelines,
} from "./pipeline_file.ts";
import { writeForm } from "./write_form.ts";

/** Nothing is changed unless every pipeline of every file is valid. */
export async function apply(call: Call): Promise<void> {
  const pipelines = await pipelinesOf(call);
  if (call.flags.isSet("dry-run")) {
    for (const { config } of pipelines) {
      call.say(`pipeline "${config.id}" is valid`);
    }
    return;
  }
  await using admin = await call.session.admin();
  for (const pipeline of pipelines) {
    const { id, enabled } = pipeline.config;
    try {
      const outcome = await applied(admin, pipeline);
      call.say(
        `pipeline "${id}" ${outcome}${enabled ? "" : ", and is disabled"}`,
      );
    } catch (thrown) {
      const error = asConveyorError(thrown);
      // Nor would the others get an answer.
      if (error.code === Code.Unavailable) throw error;
      const told = error.code === Code.InvalidArgument &&
        error.details.length > 0;
      call.fail(told ? pipeline.refusal(error.details) : error);
    }
  }
}

async function pipelinesOf({ flags, read }: Call): Promise<FilePipeline[]> {
  const all: FilePipeline[] = [];
  for (const file of flags.texts("file")) {
    const found = readPipelines(
      file === "-" ? "standard input" : file,
      await read(file),
    );
    if (found.length === 0) {
      throw invalidArgument(file, "must hold a pipeline", "none");
    }
    all.push(...found);
  }
  const ids = all.map(({ config }) => config.id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) {
    throw invalidArgument("--file", "must have each pipeline once", twice);
  }
  return all;
}

async function applied(
  admin: AdminClient,
  { config }: FilePipeline,
): Promise<"created" | "updated" | "unchanged"> {
  const present = await admin.getPipeline(config.id);
  if (present && sameText(present.config, config)) return "unchanged";
  return await admin.putPipeline(config) === 1n ? "created" : "updated";
}

/** Whether a file of the one says what a file of the other does. */
function sameText(a: PipelineConfig, b: PipelineConfig): boolean {
  const [one, other] = [a, b].map((config) =>
    JSON.stringify(
      writeForm(pipelineType, config),
      (_key, value) => typeof value === "bigint" ? `${value}` : value,
    )
  );
  return one === other;
}
