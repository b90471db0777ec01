/**
 * The replicated state: a machine that goes from state to state by commands alone. Every node that
 * applies the same commands holds the same state and takes the same snapshot, byte for byte. What
 * may be asked of it is what its parts offer.
 */
import type { HeldLease } from "../registry/lease.ts";
import type { Checkpoint, Pipeline } from "../../proto/messages/state.ts";
import { encodeAnswer } from "./answer.ts";
import { applyCommand } from "./apply.ts";
import type { AssignmentsView } from "./assignments.ts";
import type { CheckpointsView } from "./checkpoints.ts";
import type { GroupOffsetsView } from "./group_offsets.ts";
import type { GroupsView } from "./groups.ts";
import type { NodesView } from "./nodes.ts";
import type { OffsetsView } from "./offsets.ts";
import type { PipelinesView } from "./pipelines.ts";
import {
  checkpointsOf,
  pulledSources,
  selectServices,
  sourceIdsOf,
} from "./selection.ts";
import type { ServiceQuery, ServicesView } from "./services.ts";
import type { SidecarsView } from "./sidecars.ts";
import { snapshotChunks } from "./snapshot_writer.ts";
import { StateBuilder } from "./state_builder.ts";
import { Tables } from "./tables.ts";
import type {
  AppliedAt,
  BuiltState,
  RegisteredService,
  Restoration,
  StateEvent,
} from "./types.ts";
import type { WatermarksView } from "./watermarks.ts";

/** How much there is of everything. */
export interface StateCounts {
  readonly pipelines: number;
  readonly services: number;
  readonly groups: number;
  readonly sidecars: number;
  readonly nodes: number;
  readonly assignments: number;
  readonly checkpoints: number;
  /** Partitions with an offset. */
  readonly offsets: number;
  /** Partitions with an offset of a group. */
  readonly groupOffsets: number;
  /** Partitions with a watermark. */
  readonly watermarks: number;
}

/** What a command did. */
export interface Applied {
  /** A serialized `conveyor.state.Answer`. */
  readonly answer: Uint8Array;
  readonly events: readonly StateEvent[];
  /** Whether the state is another one now, of which no event tells. */
  readonly replaced: boolean;
}

/** The state machine that consensus replicates. */
export class State {
  #tables: Tables = new Tables();
  /** Commands that made it what it is. */
  #commands = 0;
  /** Rises with each snapshot: what was written in an earlier epoch is not written to again. */
  #epoch = 0;

  /** The pipelines. */
  get pipelines(): PipelinesView {
    return this.#tables.pipelines;
  }

  /** The offsets of sources. */
  get offsets(): OffsetsView {
    return this.#tables.offsets;
  }

  /** The registered services. */
  get services(): ServicesView {
    return this.#tables.services;
  }

  /** The groups of services that share partitions. */
  get groups(): GroupsView {
    return this.#tables.groups;
  }

  /** The offsets that groups have committed. */
  get groupOffsets(): GroupOffsetsView {
    return this.#tables.groupOffsets;
  }

  /** The watermarks of sources. */
  get watermarks(): WatermarksView {
    return this.#tables.watermarks;
  }

  /** The checkpoints of services. */
  get checkpoints(): CheckpointsView {
    return this.#tables.checkpoints;
  }

  /** The registered sidecars. */
  get sidecars(): SidecarsView {
    return this.#tables.sidecars;
  }

  /** What sidecars are to run. */
  get assignments(): AssignmentsView {
    return this.#tables.assignments;
  }

  /** The nodes of the router, and which of them pulls what. */
  get nodes(): NodesView {
    return this.#tables.nodes;
  }

  /** The services that a query means, members of its group included, in order of their id. */
  select(query: ServiceQuery): RegisteredService[] {
    return selectServices(this.#tables, query);
  }

  /** The sources that the router is to pull from, in order of their id. */
  pulledSources(): RegisteredService[] {
    return pulledSources(this.#tables);
  }

  /** The ids of the sources whose records a pipeline takes, as far as they are known, in order. */
  sourceIdsOf(pipeline: Readonly<Pipeline>): string[] {
    return sourceIdsOf(this.#tables, pipeline);
  }

  /** The checkpoints of the services that a pipeline selects, in order of their id. */
  checkpointsOf(pipeline: Readonly<Pipeline>): Readonly<Checkpoint>[] {
    return checkpointsOf(this.#tables, pipeline);
  }

  /** All leases as the state has them: what a new leader renews once. */
  leases(): HeldLease[] {
    const { services, sidecars, nodes, restoreParts } = this.#tables;
    return [services, sidecars, nodes, restoreParts]
      .flatMap((holders) => holders.leases());
  }

  /** How much there is of everything. */
  counts(): StateCounts {
    const tables = this.#tables;
    return {
      pipelines: tables.pipelines.size,
      services: tables.services.size,
      groups: tables.groups.size,
      sidecars: tables.sidecars.size,
      nodes: tables.nodes.list().length,
      assignments: tables.assignments.size,
      checkpoints: tables.checkpoints.size,
      offsets: tables.offsets.size,
      groupOffsets: tables.groupOffsets.size,
      watermarks: tables.watermarks.size,
    };
  }

  /**
   * Carries out one committed command. What it may not do, and what this version cannot read, is an
   * answer too: it never throws for what a command says.
   */
  apply(command: Uint8Array, { atMs }: Pick<AppliedAt, "atMs">): Applied {
    const index = this.#commands + 1;
    const outcome = applyCommand(this.#tables, command, { index, atMs });
    if (outcome.kind === "refused") {
      const { refusal } = outcome;
      return { answer: encodeAnswer({ refusal }), events: [], replaced: false };
    }
    this.#commands = index;
    const { events, replacedBy } = outcome;
    if (replacedBy) {
      const { tables, commands } = replacedBy;
      // Numbers that were given out here are not given out again: generations rise for ever.
      this.#replace({ tables, commands: Math.max(commands, index) });
    }
    return {
      answer: encodeAnswer(outcome.answer),
      events,
      replaced: replacedBy !== undefined,
    };
  }

  /**
   * The state as it is now, in chunks of at most 256 KiB. They are made as they are drawn, and show
   * this moment however many commands are applied meanwhile.
   */
  snapshot(): Iterable<Uint8Array> {
    const epoch = ++this.#epoch;
    return snapshotChunks(
      this.#tables.aggregates().map((aggregate) => aggregate.freeze(epoch)),
      this.#commands,
    );
  }

  /** Begins to make the state of a snapshot, to be put in the place of this one when it is whole. */
  restoring(): Restoration {
    const builder = new StateBuilder(new Tables());
    return {
      push: (chunk) => builder.push(chunk),
      finish: () => this.#replace(builder.finish()),
    };
  }

  #replace({ tables, commands }: BuiltState): void {
    this.#tables = tables;
    this.#commands = commands;
  }
}
