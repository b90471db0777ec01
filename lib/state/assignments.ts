/**
 * What each sidecar is to run of each pipeline. It follows from the pipelines and sidecars by
 * registry/placement.ts, and is made anew only for the pipelines that an event can have touched. An
 * assignment's version is the number of the command that changed it: what a sidecar was told is
 * compared by it.
 */
import {
  type Moves,
  type PlaceableSidecar,
  Placement,
  type SidecarsWith,
} from "../registry/placement.ts";
import type {
  PipelineAssignment,
  SidecarCommand,
} from "../../proto/messages/sidecar.ts";
import type { Sidecar, SnapshotEntry } from "../../proto/messages/state.ts";
import type { MessageInit } from "../../proto/codec.ts";
import { OrderedTable } from "./ordered_table.ts";
import { pairKey, pairPrefix } from "./pair_key.ts";
import { outlineOf } from "./pipeline_outline.ts";
import type { PipelinesView } from "./pipelines.ts";
import { placeable, type Sidecars } from "./sidecars.ts";
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
  /** The same by the pipeline's id, then the sidecar's: in no snapshot, as it is made of the table. */
  readonly #byPipeline: Map<string, Map<string, HeldAssignment>> = new Map();
  /** Pipelines that are to be placed before the command ends. */
  readonly #unsettled: Set<string> = new Set();
  /** Those of them that are other ones themselves, and not only by their sidecars. */
  readonly #changedPipelines: Set<string> = new Set();
  /** The sidecars that changed: as they were before the command. */
  readonly #changedSidecars: Map<string, PlaceableSidecar | undefined> =
    new Map();

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
      this.#changedPipelines.add(event.pipeline.pipelineId);
    } else if (event.kind === "sidecarChanged") {
      const { sidecar, before } = event;
      if (!this.#changedSidecars.has(sidecar.sidecarId)) {
        const was = before && placeable(before);
        this.#changedSidecars.set(sidecar.sidecarId, was);
      }
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
    if (this.#changedPipelines.size + this.#changedSidecars.size === 0) {
      return [];
    }
    // Most clusters have no sidecars.
    const events = sidecars.size + this.size === 0
      ? []
      : this.#place(at, pipelines, sidecars);
    this.#unsettled.clear();
    this.#changedPipelines.clear();
    this.#changedSidecars.clear();
    return events;
  }

  #place(
    at: AppliedAt,
    pipelines: PipelinesView,
    sidecars: Sidecars,
  ): StateEvent[] {
    const having = remembered(sidecars);
    const anew = new Placement(having);
    const again = new Placement(having, this.#changedSidecars);
    return [...this.#unsettled].sort().flatMap((id) => {
      const pipeline = pipelines.get(id);
      const stages = pipeline?.enabled ? outlineOf(pipeline).stages : [];
      const placing = this.#changedPipelines.has(id) ? anew : again;
      const moves = placing.moves(
        { id, version: pipeline?.version ?? 0, stages },
        this.#byPipeline.get(id),
      );
      return this.#carryOut(id, moves, at.index);
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

  #carryOut(
    pipelineId: string,
    { revoked, placed }: Moves,
    version: number,
  ): StateEvent[] {
    const events: StateEvent[] = [];
    const kind = "assignmentChanged";
    for (const sidecarId of revoked) {
      const { assignment } = this.#delete(sidecarId, pipelineId);
      events.push({ kind, change: "revoked", sidecarId, assignment });
    }
    for (const [sidecarId, assignment] of placed) {
      const before = this.#put({ sidecarId, assignment, version });
      const change = before ? "updated" : "assigned";
      events.push({ kind, change, sidecarId, assignment });
    }
    return events;
  }

  /** What there was in its place. */
  #put(held: HeldAssignment): HeldAssignment | undefined {
    const { sidecarId, assignment: { pipelineId } } = held;
    this.#table.set(pairKey(sidecarId, pipelineId), held);
    let sidecars = this.#byPipeline.get(pipelineId);
    if (!sidecars) this.#byPipeline.set(pipelineId, sidecars = new Map());
    const before = sidecars.get(sidecarId);
    sidecars.set(sidecarId, held);
    return before;
  }

  /** What there was. */
  #delete(sidecarId: string, pipelineId: string): HeldAssignment {
    const sidecars = this.#byPipeline.get(pipelineId)!;
    const before = sidecars.get(sidecarId)!;
    sidecars.delete(sidecarId);
    if (sidecars.size === 0) this.#byPipeline.delete(pipelineId);
    this.#table.delete(pairKey(sidecarId, pipelineId));
    return before;
  }
}

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
