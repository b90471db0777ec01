/**
 * What pipelines and callers mean when they name services: by name, type, group and labels, and for
 * a pipeline the services, sources and checkpoints that its stages select.
 */
import { ServiceType } from "../../proto/messages/common.ts";
import { StageType } from "../../proto/messages/router.ts";
import type { Checkpoint, Pipeline } from "../../proto/messages/state.ts";
import type { CheckpointsView } from "./checkpoints.ts";
import type { GroupsView } from "./groups.ts";
import { outlineOf, type StageOutline } from "./pipeline_outline.ts";
import type { PipelinesView } from "./pipelines.ts";
import { isMeant, type ServiceQuery, type ServicesView } from "./services.ts";
import type { RegisteredService } from "./types.ts";

/** Capability of a source that the router may pull from. */
const pullCapability = "pull";

/** The parts of the state that a selection looks at. */
export interface SelectedFrom {
  readonly services: ServicesView;
  readonly groups: GroupsView;
  readonly pipelines: PipelinesView;
  readonly checkpoints: CheckpointsView;
}

/**
 * The services that a query means, in order of their id. Of a group are those that say so when they
 * register, and those that joined it.
 */
export function selectServices(
  { services, groups }: Pick<SelectedFrom, "services" | "groups">,
  query: ServiceQuery,
): RegisteredService[] {
  const found = services.list(query);
  const { groupId, ...others } = query;
  if (!groupId) return found;
  const ids = new Set(found.map(({ identity }) => identity.serviceId));
  for (const { serviceId } of groups.get(groupId)?.members ?? []) {
    const service = services.get(serviceId)!;
    if (!ids.has(serviceId) && isMeant(service, others)) found.push(service);
  }
  return found.sort((a, b) =>
    a.identity.serviceId < b.identity.serviceId ? -1 : 1
  );
}

/**
 * The sources that the router is to pull from, in order of their id: those with the capability that
 * an enabled pipeline selects by name or by id.
 */
export function pulledSources(from: SelectedFrom): RegisteredService[] {
  const found = new Map<string, RegisteredService>();
  const asked = new Set<string>();
  for (const pipeline of from.pipelines.list()) {
    if (!pipeline.enabled) continue;
    for (const stage of sourceStages(pipeline)) {
      // Thousands of pipelines may select the same: they are asked about once.
      const { service, groupId, labels } = stage;
      const selection = JSON.stringify([service, groupId, labels]);
      if (asked.has(selection)) continue;
      asked.add(selection);
      for (const service of sourcesOf(from, stage)) {
        if (!service.identity.capabilities.includes(pullCapability)) continue;
        if (!service.draining) found.set(service.identity.serviceId, service);
      }
    }
  }
  return [...found.keys()].sort().map((id) => found.get(id)!);
}

/** The ids of the sources whose records a pipeline takes, as far as they are known, in order. */
export function sourceIdsOf(
  from: SelectedFrom,
  pipeline: Readonly<Pipeline>,
): string[] {
  const ids = new Set<string>();
  for (const stage of sourceStages(pipeline)) {
    if (stage.service !== "") ids.add(stage.service);
    for (const { identity } of sourcesOf(from, stage, true)) {
      ids.add(identity.serviceId);
    }
  }
  return [...ids].sort();
}

/** The checkpoints of the services that a pipeline selects, gone or not, in order of their id. */
export function checkpointsOf(
  { checkpoints }: SelectedFrom,
  pipeline: Readonly<Pipeline>,
): Readonly<Checkpoint>[] {
  const found = new Map<string, Readonly<Checkpoint>>();
  for (const { service } of outlineOf(pipeline).stages) {
    const own = checkpoints.get(service);
    for (const each of [...checkpoints.named(service), ...own ? [own] : []]) {
      found.set(each.serviceId, each);
    }
  }
  return [...found.keys()].sort().map((id) => found.get(id)!);
}

function sourceStages(pipeline: Readonly<Pipeline>): StageOutline[] {
  return outlineOf(pipeline).stages.filter(({ stageType }) =>
    stageType === StageType.Source
  );
}

/** The registered sources that a stage selects. */
function sourcesOf(
  from: SelectedFrom,
  { service, groupId, labels }: StageOutline,
  includeUnhealthy = false,
): RegisteredService[] {
  const query = {
    type: ServiceType.Source,
    groupId,
    labels,
    includeUnhealthy,
  };
  const found = service === "" && groupId === "" &&
      Object.keys(labels).length === 0
    ? []
    : selectServices(from, { ...query, name: service });
  const byId = from.services.get(service);
  return byId && isMeant(byId, query) ? [...found, byId] : found;
}
