/**
 * Which aggregate carries out which command. The table has an entry for every kind of command that
 * the wire knows, or this file does not compile.
 */
import { Code } from "../errors.ts";
import type { Command, LeaseRef } from "../../proto/messages/state.ts";
import { LeaseKind } from "../../proto/messages/state.ts";
import { type CommandKind, decodeCommand } from "./command.ts";
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
  commitOffsets: ({ offsets }, command, at) => offsets.commit(command, at),
  registerService: ({ services }, command, at) =>
    services.register(command, at),
  deregisterService: ({ services }, command) => services.deregister(command),
  setServiceHealth: ({ services }, command) => services.setHealth(command),
  setServiceDraining: ({ services }, command) => services.setDraining(command),
  expireLeases: (tables, { leases }) =>
    eachLease(tables, leases, (holder, lease) => holder.expire(lease)),
  reviveLeases: (tables, { leases }) =>
    eachLease(tables, leases, (holder, lease) => holder.revive(lease)),
  removeExpired: (tables, { leases }) =>
    eachLease(tables, leases, (holder, lease) => holder.removeExpired(lease)),
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
  return reduce(tables, command[kind], at);
}

/** What holds leases. */
interface LeaseHolders {
  expire(lease: LeaseRef): readonly StateEvent[];
  revive(lease: LeaseRef): readonly StateEvent[];
  removeExpired(lease: LeaseRef): readonly StateEvent[];
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
  return kind === LeaseKind.Service ? tables.services : undefined;
}
