/**
 * What the aggregates of the state share: where a command stands in the log, what became of it, and
 * the events that tell watchers what changed.
 */
import type { Tables } from "./tables.ts";
import type { LeaseEvent } from "../registry/lease.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { ServiceIdentity } from "../../proto/messages/common.ts";
import type {
  ServiceHealth,
  ServiceMetadata,
} from "../../proto/messages/registry.ts";
import type { PipelineAssignment } from "../../proto/messages/sidecar.ts";
import type {
  Answer,
  Pipeline,
  Refusal,
  Service,
  Sidecar,
  SnapshotEntry,
} from "../../proto/messages/state.ts";

/** Which command it is. */
export interface AppliedAt {
  /**
   * Its number among those that made the state, from 1: rises by 1 with each, and goes on rising when
   * a state is brought back, whether it has seen more commands or fewer.
   */
  readonly index: number;
  /** The leader's clock when it took the command, ms since 1970; never falls along the log. */
  readonly atMs: number;
}

/** The command was carried out. */
export interface Done {
  readonly kind: "done";
  readonly answer: MessageInit<Answer>;
  readonly events: readonly StateEvent[];
  /** The state that takes the place of the present one. @default none */
  readonly replacedBy?: BuiltState;
}

/** A whole state. */
export interface BuiltState {
  readonly tables: Tables;
  /** Commands that made it. */
  readonly commands: number;
}

/** The command was refused; nothing has changed. */
export interface Refused {
  readonly kind: "refused";
  readonly refusal: Refusal;
}

/** What became of a command. */
export type Outcome = Done | Refused;

/** A service that is registered: what the state has of it is complete. */
export interface RegisteredService
  extends Readonly<Omit<Service, "identity" | "metadata" | "health">> {
  readonly identity: Readonly<ServiceIdentity>;
  readonly metadata: Readonly<ServiceMetadata>;
  readonly health: Readonly<ServiceHealth>;
}

/** What changed, in the order of the log. Values are as they were right after the change. */
export type StateEvent =
  | { readonly kind: "serviceAdded"; readonly service: RegisteredService }
  | {
    readonly kind:
      | "serviceModified"
      | "serviceHealthChanged";
    readonly service: RegisteredService;
    readonly before: RegisteredService;
  }
  | { readonly kind: "serviceRemoved"; readonly service: RegisteredService }
  | {
    readonly kind: "pipelineChanged";
    readonly change: "created" | "updated" | "enabled" | "disabled" | "deleted";
    /** Of a deleted one, as it was last. */
    readonly pipeline: Readonly<Pipeline>;
    /** Undefined: it is created. */
    readonly before: Readonly<Pipeline> | undefined;
  }
  | {
    readonly kind: "offsetsCommitted";
    readonly sourceId: string;
    /** Those of which the offset rose. */
    readonly partitions: readonly number[];
  }
  | {
    readonly kind: "groupOffsetsCommitted";
    readonly groupId: string;
    readonly sourceId: string;
    /** Those of which the offset rose. */
    readonly partitions: readonly number[];
  }
  /** A service has joined a group, or left it; with or without partitions. */
  | { readonly kind: "groupMembersChanged"; readonly groupId: string }
  | {
    readonly kind: "partitionsRevoked" | "partitionsAssigned";
    readonly groupId: string;
    /** The member. */
    readonly service: RegisteredService;
    readonly partitions: readonly number[];
    readonly generation: number;
  }
  | {
    readonly kind: "watermarksRaised";
    readonly sourceId: string;
    readonly partition: number;
  }
  | {
    readonly kind: "checkpointSaved";
    readonly serviceId: string;
    readonly checkpointId: string;
  }
  | {
    readonly kind: "sidecarChanged";
    readonly change: "added" | "modified" | "removed";
    /** Of a removed one, as it was last. */
    readonly sidecar: Readonly<Sidecar>;
    /** Undefined: it is added. */
    readonly before: Readonly<Sidecar> | undefined;
  }
  | {
    readonly kind: "assignmentChanged";
    readonly change: "assigned" | "updated" | "revoked";
    readonly sidecarId: string;
    /** Of a revoked one, as it was last. */
    readonly assignment: Readonly<PipelineAssignment>;
  }
  /** Which node pulls which partition is to be asked anew. */
  | { readonly kind: "pullOwnersChanged"; readonly generation: number }
  | LeaseEvent;

/** The entries of a part of the state as they were at one moment, drawn later. */
export type SnapshotEntries = Iterable<MessageInit<SnapshotEntry> | Uint8Array>;

/** A part of the state that snapshots hold. */
export interface Aggregate {
  /**
   * The part as it is now. Whatever is written from here on belongs to `epoch`, and must not show
   * in what this returns.
   */
  freeze(epoch: number): SnapshotEntries;
  /** Takes an entry that `freeze` gave. False: the entry is not of this part. */
  load(entry: SnapshotEntry): boolean;
}

/**
 * A state that is being made: chunk by chunk, so that a large one leaves others their turn. DataLoss
 * when what it is made of is damaged, FailedPrecondition when a newer version wrote it; nothing is
 * changed then.
 */
export interface Restoration {
  /** Takes the next chunk. */
  push(chunk: Uint8Array): void;
  /** Puts the state in the place of the present one: its last chunk was there. */
  finish(): void;
}
