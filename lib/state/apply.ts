/**
 * Which aggregate carries out which command, and what follows from it in the others. The table has
 * an entry for every kind of command that the wire knows, or this file does not compile.
 */
import { Code } from "../errors.ts";
import {
  type Command,
  LeaseKind,
  type LeaseRef,
} from "../../proto/messages/state.ts";
import { type CommandKind, decodeCommand } from "./command.ts";
import { shareOf } from "./pull_shares.ts";
import { done, refuse } from "./rules.ts";
import type { Tables } from "./tables.ts";
import type { AppliedAt, Outcome, StateEvent } from "./types.ts";

type Reducer<C> = (tables: Tables, command: C, at: AppliedAt) => Outcome;

const reducers: {
  readonly [K in CommandKind]-?: Reducer<NonNullable<Command[K]>>;
} = {
  createPipeline: ({ pipelines }, command, at) => pipelines.create(command, at),
  updatePipeline: ({ pipelines }, command, at) => pipelines.update(command, at),
  deletePipeline: ({ pipelines }, command) => pipelines.delete(command),
  setPipelineEnabled: ({ pipelines }, command, at) =>
    pipelines.setEnabled(command, at),
  commitOffsets: ({ offsets, nodes, services }, command, at) =>
    offsets.commit(
      command,
      at,
      (nodeId, generation, sourceId, partition) => {
        const share = shareOf(services.get(sourceId), partition);
        return nodes.owns(nodeId, generation, sourceId, share);
      },
    ),
  registerService: ({ services }, command, at) =>
    services.register(command, at),
  deregisterService: ({ services }, command) => services.deregister(command),
  setServiceHealth: ({ services }, command) => services.setHealth(command),
  setServiceDraining: ({ services }, command) => services.setDraining(command),
  expireLeases: (tables, { leases }, at) =>
    eachLease(tables, leases, (holder, lease) => holder.expire(lease, at)),
  reviveLeases: (tables, { leases }, at) =>
    eachLease(tables, leases, (holder, lease) => holder.revive(lease, at)),
  removeExpired: (tables, { leases }, at) =>
    eachLease(
      tables,
      leases,
      (holder, lease) => holder.removeExpired(lease, at),
    ),
  joinGroup: (tables, command, at) => tables.groups.join(command, at, tables),
  leaveGroup: (tables, command, at) => tables.groups.leave(command, at, tables),
  commitGroupOffsets: ({ groupOffsets, groups }, command, at) =>
    groupOffsets.commit(command, at, groups),
  raiseWatermarks: ({ watermarks }, command, at) =>
    watermarks.raise(command, at),
  saveCheckpoint: ({ checkpoints, services }, command, at) =>
    checkpoints.save(command, at, services),
  registerSidecar: ({ sidecars }, command, at) =>
    sidecars.register(command, at),
  deregisterSidecar: ({ sidecars }, command) => sidecars.deregister(command),
  setSidecarHealth: ({ sidecars }, command) => sidecars.setHealth(command),
  setSidecarDraining: ({ sidecars }, command) => sidecars.setDraining(command),
  tellSidecar: ({ sidecars }, command) => sidecars.tell(command),
  registerNode: ({ nodes }, command, at) => nodes.register(command, at),
  deregisterNode: ({ nodes }, command, at) => nodes.deregister(command, at),
  beginRestore: ({ restoreParts }, command) => restoreParts.begin(command),
  restorePart: ({ restoreParts }, command) => restoreParts.part(command),
  finishRestore: ({ restoreParts }, command) => restoreParts.finish(command),
  cancelRestore: ({ restoreParts }, command) => restoreParts.cancel(command),
};

/** Carries out the command in `bytes`, or says why not. */
export function applyCommand(
  tables: Tables,
  bytes: Uint8Array,
  at: AppliedAt,
): Outcome {
  const command = decodeCommand(bytes);
  if (typeof command === "string") {
    return refuse(Code.Unimplemented, "command", command, bytes);
  }
  const kind = Object.keys(command)[0] as CommandKind;
  const reduce = reducers[kind] as Reducer<unknown>;
  const outcome = reduce(tables, command[kind], at);
  return outcome.kind === "done" ? followed(tables, outcome, at) : outcome;
}

/** Shares out partitions and places stages anew where what happened asks for it. */
function followed(
  tables: Tables,
  outcome: Extract<Outcome, { kind: "done" }>,
  at: AppliedAt,
): Outcome {
  const { groups, assignments, pipelines, sidecars } = tables;
  for (const event of outcome.events) {
    groups.note(event, pipelines);
    assignments.note(event, pipelines);
  }
  const regrouped = groups.settle(at, tables);
  const placed = assignments.settle(at, pipelines, sidecars);
  for (const event of outcome.events) {
    if (event.kind !== "sidecarChanged") continue;
    const { sidecarId, registrationId } = event.sidecar;
    if (event.change === "removed") continue;
    if (event.before?.registrationId === registrationId) continue;
    // The answer of a registration tells what is to be run.
    const told = assignments.versions(sidecarId);
    sidecars.tell({ sidecarId, registrationId, told, toldDraining: false });
  }
  if (regrouped.length + placed.length === 0) return outcome;
  return { ...outcome, events: [...outcome.events, ...regrouped, ...placed] };
}

/** What holds leases. */
interface LeaseHolders {
  expire(lease: LeaseRef, at: AppliedAt): readonly StateEvent[];
  revive(lease: LeaseRef, at: AppliedAt): readonly StateEvent[];
  removeExpired(lease: LeaseRef, at: AppliedAt): readonly StateEvent[];
}

function eachLease(
  tables: Tables,
  leases: readonly LeaseRef[],
  change: (holders: LeaseHolders, lease: LeaseRef) => readonly StateEvent[],
): Outcome {
  const events = leases.flatMap((lease) => {
    const holders = holdersOf(tables, lease.kind);
    return holders ? change(holders, lease) : [];
  });
  return done(events);
}

/** Those of a kind that this version does not know hold no lease here. */
function holdersOf(tables: Tables, kind: LeaseKind): LeaseHolders | undefined {
  switch (kind) {
    case LeaseKind.Service:
      return tables.services;
    case LeaseKind.Sidecar:
      return tables.sidecars;
    case LeaseKind.Node:
      return tables.nodes;
    case LeaseKind.Restore:
      return tables.restoreParts;
    default:
      return undefined;
  }
}
