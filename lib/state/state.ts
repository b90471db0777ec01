/**
 * The replicated state: a machine that goes from state to state by commands alone. Every node that
 * applies the same commands holds the same state and takes the same snapshot, byte for byte. What
 * may be asked of it is what its parts offer.
 */
import { Code, ConveyorError } from "../errors.ts";
import type { HeldLease } from "../registry/lease.ts";
import { encodeAnswer } from "./answer.ts";
import { applyCommand } from "./apply.ts";
import type { OffsetsView } from "./offsets.ts";
import type { PipelinesView } from "./pipelines.ts";
import type { ServicesView } from "./services.ts";
import { snapshotEntries } from "./snapshot_reader.ts";
import { snapshotChunks } from "./snapshot_writer.ts";
import { Tables } from "./tables.ts";
import type { AppliedAt, StateEvent } from "./types.ts";

/** The state machine that consensus replicates. */
export class State {
  #tables: Tables = new Tables();
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

  /** All leases as the state has them: what a new leader renews once. */
  leases(): HeldLease[] {
    return this.#tables.services.leases();
  }

  /**
   * Carries out one committed command. What it may not do, and what this version cannot read, is an
   * answer too: it never throws for what a command says.
   */
  apply(
    command: Uint8Array,
    at: AppliedAt,
  ): { answer: Uint8Array; events: readonly StateEvent[] } {
    const outcome = applyCommand(this.#tables, command, at);
    if (outcome.kind === "refused") {
      const { refusal } = outcome;
      return { answer: encodeAnswer({ refusal }), events: [] };
    }
    return { answer: encodeAnswer(outcome.answer), events: outcome.events };
  }

  /**
   * The state as it is now, in chunks of at most 256 KiB. They are made as they are drawn, and show
   * this moment however many commands are applied meanwhile.
   */
  snapshot(): Iterable<Uint8Array> {
    const epoch = ++this.#epoch;
    return snapshotChunks(
      this.#tables.aggregates().map((aggregate) => aggregate.freeze(epoch)),
    );
  }

  /**
   * Replaces the state by that of a snapshot. DataLoss when it is damaged, FailedPrecondition when a
   * newer version made it; the state is then as it was.
   */
  restore(chunks: Iterable<Uint8Array>): void {
    const tables = new Tables();
    const aggregates = tables.aggregates();
    for (const entry of snapshotEntries(chunks)) {
      if (!aggregates.some((aggregate) => aggregate.load(entry))) {
        throw new ConveyorError(
          Code.FailedPrecondition,
          "Cannot restore snapshot: it has an entry of a kind that this version does not know",
        );
      }
    }
    this.#tables = tables;
  }
}
