/**
 * A snapshot that is being brought back: its parts come as commands, so that every node has them, and
 * the state is made of them while they come. It takes the place of the present one with the last part
 * and in one step; until then nothing is changed by it. What is there of it stands in the snapshots
 * that are taken meanwhile. It lives by a lease that each part renews, so that it does not stay when
 * nobody is left to end it.
 */
import { Code, ConveyorError } from "../errors.ts";
import { restoreBytesMax, restoreIdleMs } from "../limits.ts";
import type { HeldLease } from "../registry/lease.ts";
import {
  type BeginRestore,
  type CancelRestore,
  type FinishRestore,
  LeaseKind,
  type LeaseRef,
  type RestorePart,
  type SnapshotEntry,
} from "../../proto/messages/state.ts";
import { badId, done, noRoomFor, refuse } from "./rules.ts";
import { StateBuilder } from "./state_builder.ts";
import type { Tables } from "./tables.ts";
import type {
  Aggregate,
  Outcome,
  Refused,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** The snapshot, as far as it is there. */
export class Restoring implements Aggregate {
  readonly #emptyTables: () => Tables;
  #restoreId = "";
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #builder: StateBuilder | undefined;

  constructor(emptyTables: () => Tables) {
    this.#emptyTables = emptyTables;
  }

  begin({ restoreId }: BeginRestore): Outcome {
    const bad = badId("restore_id", restoreId);
    if (bad) return bad;
    this.#reset(restoreId);
    return done([this.#renewed()]);
  }

  part({ restoreId, part, data }: RestorePart): Outcome {
    const bad = this.#another(restoreId) ?? this.#outOfOrder("part", part);
    if (bad) return bad;
    if (data.length === 0) {
      return refuse(Code.InvalidArgument, "data", "must not be empty", data);
    }
    if (this.#bytes + data.length > restoreBytesMax) {
      return noRoomFor("data", "bytes in all", restoreBytesMax);
    }
    // The command's bytes belong to the log.
    const own = data.slice();
    try {
      this.#builder!.push(own);
    } catch (error) {
      // What it took of the part is not to be seen: other nodes may have it from the parts alone.
      this.#rebuild();
      return unreadable(error);
    }
    this.#keep(own);
    return done([this.#renewed()]);
  }

  finish({ restoreId, parts }: FinishRestore): Outcome {
    const bad = this.#another(restoreId) ?? this.#outOfOrder("parts", parts);
    if (bad) return bad;
    try {
      const replacedBy = this.#builder!.finish();
      return { ...done([]), replacedBy };
    } catch (error) {
      return unreadable(error);
    }
  }

  cancel({ restoreId }: CancelRestore): Outcome {
    return done(this.#giveUp(restoreId));
  }

  /** That of the snapshot, if one is being brought back. */
  leases(): HeldLease[] {
    if (this.#restoreId === "") return [];
    const lease = leaseOf(this.#restoreId);
    return [{ lease, ttlMs: restoreIdleMs, expired: false }];
  }

  /** Its next part did not come in time. */
  expire({ registrationId }: LeaseRef): readonly StateEvent[] {
    return this.#giveUp(registrationId);
  }

  /** What was given up does not come back. */
  revive(): readonly StateEvent[] {
    return [];
  }

  /** It is gone as it expires. */
  removeExpired(): readonly StateEvent[] {
    return [];
  }

  freeze(): SnapshotEntries {
    return entriesOf(this.#restoreId, [...this.#parts]);
  }

  load({ restorePart }: SnapshotEntry): boolean {
    if (!restorePart) return false;
    const { restoreId, data } = restorePart;
    if (restoreId !== this.#restoreId) this.#reset(restoreId);
    // The entry that begins it has no bytes.
    if (data.length === 0) return true;
    const own = data.slice();
    this.#builder!.push(own);
    this.#keep(own);
    return true;
  }

  #renewed(): StateEvent {
    const lease = leaseOf(this.#restoreId);
    return { kind: "leaseStarted", lease, ttlMs: restoreIdleMs };
  }

  #giveUp(restoreId: string): readonly StateEvent[] {
    if (restoreId === "" || restoreId !== this.#restoreId) return [];
    this.#reset("");
    return [{ kind: "leaseEnded", lease: leaseOf(restoreId) }];
  }

  #reset(restoreId: string): void {
    this.#restoreId = restoreId;
    this.#parts = [];
    this.#bytes = 0;
    this.#builder = restoreId === ""
      ? undefined
      : new StateBuilder(this.#emptyTables());
  }

  #rebuild(): void {
    this.#builder = new StateBuilder(this.#emptyTables());
    for (const part of this.#parts) this.#builder.push(part);
  }

  #keep(data: Uint8Array): void {
    this.#parts.push(data);
    this.#bytes += data.length;
  }

  #another(restoreId: string): Refused | undefined {
    if (restoreId !== "" && restoreId === this.#restoreId) return undefined;
    return refuse(
      Code.FailedPrecondition,
      "restore_id",
      this.#restoreId === ""
        ? "must be that of a restoration under way: it was given up"
        : "must be that of the restoration under way: another one took its place",
      restoreId,
    );
  }

  #outOfOrder(field: string, part: number): Refused | undefined {
    if (part === this.#parts.length) return undefined;
    return refuse(
      Code.FailedPrecondition,
      field,
      `must be ${this.#parts.length}, the number of parts that are there`,
      part,
    );
  }
}

/** There is one at a time: the next one has the lease of the one before. */
function leaseOf(registrationId: string): LeaseRef {
  return { kind: LeaseKind.Restore, id: "", registrationId };
}

function* entriesOf(
  restoreId: string,
  parts: readonly Uint8Array[],
): SnapshotEntries {
  if (restoreId === "") return;
  yield { restorePart: { restoreId } };
  let part = 0;
  for (const data of parts) {
    yield { restorePart: { restoreId, part: part++, data } };
  }
}

function unreadable(error: unknown): Refused {
  if (!(error instanceof ConveyorError)) throw error;
  return refuse(error.code, "data", error.message, "a snapshot");
}
