/**
 * What each sidecar is to run of each pipeline. It follows from the pipelines and sidecars by
 * registry/placement.ts, and is made anew only for the pipelines that an event can have touched. An
 * assignment's version is the number of the command that changed it: what a sidecar was told is
 * compared by it.
 */
import {
  isSameAssignment,
  type PlaceableSidecar,
  placePipeline,
  type SidecarsWith,
} from "../registry/placement.ts";
import type {
  PipelineAssignment,
  SidecarCommand,
} from "../../proto/messages/sidecar.ts";
import type { Sidecar, SnapshotEntry } from "../../proto/messages/state.ts";
import type { MessageInit } from "../../proto/codec.ts";
import { NameIndex } from "./name_index.ts";
import { OrderedTable } from "./ordered_table.ts";
import { pairKey, pairPrefix } from "./pair_key.ts";
import { outlineOf } from "./pipeline_outline.ts";
import type { PipelinesView } from "./pipelines.ts";
import type { Sidecars } from "./sidecars.ts";
import type {
  Aggregate,
  AppliedAt,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** An assignment as the state has it. */
export interface HeldAssignment {
  readonly sidecarId: string;
  readonly assignment: Readonly<PipelineAssignment>;
  readonly version: number;
}

/** What a heartbeat tells a sidecar, and what is then to be proposed as told. */
export interface Untold {
  /** Revocations first, then assignments, then a drain. Empty: it knows all. */
  readonly commands: readonly MessageInit<SidecarCommand>[];
  readonly told: { readonly [pipelineId: string]: number };
  readonly toldDraining: boolean;
}

/** What may be asked of the assignments. */
export interface AssignmentsView {
  readonly size: number;
  /** What a sidecar is to run, in order of the pipelines' ids. */
  of(sidecarId: string): HeldAssignment[];
  /** What leads a sidecar from what it was last told to what it is to run. */
  untold(sidecar: Readonly<Sidecar>): Untold;
}

/** The assignments, by sidecar and pipeline. */
export class Assignments implements Aggregate, AssignmentsView {
  readonly #table: OrderedTable<HeldAssignment> = new OrderedTable();
  /** Ids of the sidecars that run something of a pipeline. */
  readonly #byPipeline: NameIndex = new NameIndex();
  /** Pipelines that are to be placed anew before the command ends. */
  readonly #unsettled: Set<string> = new Set();

  get size(): number {
    return this.#table.size;
  }

  of(sidecarId: string): HeldAssignment[] {
    const prefix = pairPrefix(sidecarId);
    const found: HeldAssignment[] = [];
    for (const [key, held] of this.#table.entriesFrom(prefix)) {
      if (!key.startsWith(prefix)) break;
      found.push(held);
    }
    return found;
  }

  /** What a sidecar knows when it was told all. */
  versions(sidecarId: string): { [pipelineId: string]: number } {
    return Object.fromEntries(
      this.of(sidecarId).map((
        { assignment, version },
      ) => [assignment.pipelineId, version]),
    );
  }

  untold(sidecar: Readonly<Sidecar>): Untold {
    const { sidecarId, told, draining, toldDraining } = sidecar;
    const held = this.of(sidecarId);
    const ids = new Set(held.map(({ assignment }) => assignment.pipelineId));
    const commands: MessageInit<SidecarCommand>[] = Object.keys(told)
      .filter((id) => !ids.has(id))
      .map((pipelineId) => ({ revoke: { pipelineId, drainFirst: true } }));
    for (const { assignment, version } of held) {
      const { pipelineId } = assignment;
      const known = Object.hasOwn(told, pipelineId) && told[pipelineId];
      if (known !== version) commands.push({ assign: assignment });
    }
    if (draining && !toldDraining) commands.push({ drain: {} });
    return {
      commands,
      told: this.versions(sidecarId),
      toldDraining: draining,
    };
  }

  /** Takes note of which pipelines an event can have moved. */
  note(event: StateEvent, pipelines: PipelinesView): void {
    if (event.kind === "pipelineChanged") {
      this.#unsettled.add(event.pipeline.pipelineId);
    } else if (event.kind === "sidecarChanged") {
      const { sidecar, before } = event;
      const services = [...sidecar.services, ...before?.services ?? []];
      for (const name of new Set(services.map((each) => each.serviceName))) {
        for (const { pipelineId } of pipelines.using(name)) {
          this.#unsettled.add(pipelineId);
        }
      }
    }
  }

  /** Places anew what events made necessary. */
  settle(
    at: AppliedAt,
    pipelines: PipelinesView,
    sidecars: Sidecars,
  ): StateEvent[] {
    if (this.#unsettled.size === 0) return [];
    const ids = [...this.#unsettled].sort();
    this.#unsettled.clear();
    const having = remembered(sidecars);
    return ids.flatMap((id) => {
      const pipeline = pipelines.get(id);
      const placed: Placed = pipeline?.enabled
        ? placePipeline(
          { ...outlineOf(pipeline), version: pipeline.version },
          having,
        )
        : new Map();
      return this.#replace(id, placed, at.index);
    });
  }

  freeze(): SnapshotEntries {
    return entriesOf(this.#table.fork());
  }

  load({ assignment }: SnapshotEntry): boolean {
    if (!assignment?.assignment) return false;
    const { sidecarId, version } = assignment;
    this.#put({ sidecarId, assignment: assignment.assignment, version });
    return true;
  }

  /** Puts the assignments of a pipeline in place of those it has. */
  #replace(pipelineId: string, placed: Placed, version: number): StateEvent[] {
    const events: StateEvent[] = [];
    const kind = "assignmentChanged";
    for (const sidecarId of this.#byPipeline.ids(pipelineId)) {
      if (placed.has(sidecarId)) continue;
      const key = pairKey(sidecarId, pipelineId);
      const { assignment } = this.#table.get(key)!;
      this.#table.delete(key);
      this.#byPipeline.remove(pipelineId, sidecarId);
      events.push({ kind, change: "revoked", sidecarId, assignment });
    }
    for (const sidecarId of [...placed.keys()].sort()) {
      const assignment = placed.get(sidecarId)!;
      const before = this.#table.get(pairKey(sidecarId, pipelineId));
      if (before && isSameAssignment(before.assignment, assignment)) continue;
      this.#put({ sidecarId, assignment, version });
      const change = before ? "updated" : "assigned";
      events.push({ kind, change, sidecarId, assignment });
    }
    return events;
  }

  #put(held: HeldAssignment): void {
    const { sidecarId, assignment: { pipelineId } } = held;
    this.#table.set(pairKey(sidecarId, pipelineId), held);
    this.#byPipeline.add(pipelineId, sidecarId);
  }
}

type Placed = ReadonlyMap<string, PipelineAssignment>;

function* entriesOf(table: OrderedTable<HeldAssignment>): SnapshotEntries {
  for (const assignment of table.values()) yield { assignment };
}

/** Asks for each service once: many pipelines may use the same. */
function remembered(sidecars: Sidecars): SidecarsWith {
  const known = new Map<string, readonly PlaceableSidecar[]>();
  return (service, stageType) => {
    const key = `${stageType}/${service}`;
    let having = known.get(key);
    if (!having) known.set(key, having = sidecars.having(service, stageType));
    return having;
  };
}
