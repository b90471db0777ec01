/**
 * What a stage is and who does its work, with its defaults filled in. Settings that would do nothing
 * on a stage of its kind are faults: whoever set them expects something of them.
 */
import { parallelismMax, serviceLabelsMax } from "../limits.ts";
import type { ServiceSelector, Stage } from "../../proto/messages/router.ts";
import type { Faults } from "./faults.ts";
import { SettingReader } from "./setting_reader.ts";
import {
  lookupSettings,
  queueSettings,
  retrySettings,
} from "./stage_policies.ts";
import type {
  CompiledStage,
  ServiceSelection,
  SinkStage,
  StageSettings,
} from "./types.ts";

/** A stage before it is known where its records go. */
export type UnroutedStage = WithoutRoutes<CompiledStage>;
type WithoutRoutes<S> = S extends StageSettings ? Omit<S, "routes"> : never;

const kinds = [undefined, "source", "transform", "sink", "lookup"] as const;
const balances = [
  "round_robin",
  "round_robin",
  "least_connections",
  "weighted_random",
  "consistent_hash",
] as const;
const unavailablePolicies = ["block", "dead_letter", "drop"] as const;

/** Says of a sink stage that its records are pulled. */
const deliveryLabel = "conveyor/delivery";

/** The stage found at `path`; undefined when its kind is not known. */
export function stageSettings(
  stage: Stage,
  index: number,
  path: string,
  faults: Faults,
): UnroutedStage | undefined {
  const read = new SettingReader(faults);
  const kind = kinds[stage.stageType];
  if (kind === undefined) {
    faults.add(
      `${path}.stage_type`,
      "must be source, transform, sink or lookup (1 to 4)",
      stage.stageType,
    );
  }
  checkFit(stage, kind, path, faults);
  const delivery = deliveryOf(stage.serviceSelector, path, faults);
  const settings = {
    index,
    id: stage.id,
    selector: selection(
      stage.serviceSelector,
      delivery === "push",
      `${path}.service_selector`,
      read,
      faults,
    ),
    parallelism: read.count(
      `${path}.parallelism`,
      stage.parallelism,
      1,
      parallelismMax,
    ),
    ...queueSettings(stage, path, read, faults),
    retry: retrySettings(stage.retry, `${path}.retry`, read, faults),
    onUnavailable: read.choice(
      `${path}.on_unavailable`,
      stage.onUnavailable,
      unavailablePolicies,
    ),
  };
  const lookup = lookupSettings(stage.lookup, `${path}.lookup`, read, faults);
  switch (kind) {
    case undefined:
      return undefined;
    case "source":
      return { ...settings, kind };
    case "transform":
      return { ...settings, kind, config: { ...stage.config } };
    case "lookup":
      return { ...settings, kind, lookup };
    case "sink":
      return { ...settings, kind, delivery };
    default:
      return kind satisfies never;
  }
}

function checkFit(
  stage: Stage,
  kind: CompiledStage["kind"] | undefined,
  path: string,
  faults: Faults,
): void {
  if (kind === undefined) return;
  if (stage.lookup !== undefined && kind !== "lookup") {
    faults.say(`${path}.lookup`, `must not be set on a ${kind} stage`);
  }
  if (Object.keys(stage.config).length > 0 && kind !== "transform") {
    faults.add(
      `${path}.config`,
      `must be empty on a ${kind} stage: it is handed to transforms only`,
      stage.config,
    );
  }
  const labels = stage.serviceSelector?.labels ?? {};
  if (Object.hasOwn(labels, deliveryLabel) && kind !== "sink") {
    faults.say(
      `${path}.service_selector.labels["${deliveryLabel}"]`,
      `must not be set on a ${kind} stage: only the records of a sink stage can be pulled`,
    );
  }
}

function deliveryOf(
  selector: ServiceSelector | undefined,
  path: string,
  faults: Faults,
): SinkStage["delivery"] {
  const labels = selector?.labels ?? {};
  if (!Object.hasOwn(labels, deliveryLabel)) return "push";
  if (labels[deliveryLabel] !== "pull") {
    faults.add(
      `${path}.service_selector.labels["${deliveryLabel}"]`,
      'must be "pull" or not set',
      labels[deliveryLabel],
    );
  }
  return "pull";
}

/** Whom the stage's records go to; `required` where it must be a service. */
function selection(
  selector: ServiceSelector | undefined,
  required: boolean,
  path: string,
  read: SettingReader,
  faults: Faults,
): ServiceSelection {
  const labels = new Map(Object.entries(selector?.labels ?? {}));
  if (labels.size > serviceLabelsMax) {
    faults.add(
      `${path}.labels`,
      `must have at most ${serviceLabelsMax} labels, as a service has`,
      `${labels.size} labels`,
    );
  }
  return {
    serviceName: read.name(
      `${path}.service_name`,
      selector?.serviceName ?? "",
      required,
    ),
    groupId: read.name(`${path}.group_id`, selector?.groupId ?? "", false),
    labels,
    loadBalance: read.choice(
      `${path}.load_balance`,
      selector?.loadBalance ?? 0,
      balances,
    ),
  };
}
