/**
 * A state that is made from the chunks of a snapshot, one after the other, so that what is large is
 * not read in one go. DataLoss when they are damaged, FailedPrecondition when a newer version made
 * them.
 */
import { Code, ConveyorError } from "../errors.ts";
import { SnapshotReader } from "./snapshot_reader.ts";
import type { Tables } from "./tables.ts";
import type { BuiltState } from "./types.ts";

/** Fills tables that are empty. */
export class StateBuilder {
  readonly #tables: Tables;
  readonly #reader: SnapshotReader = new SnapshotReader();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Takes the next chunk, cut anywhere. */
  push(chunk: Uint8Array): void {
    const aggregates = this.#tables.aggregates();
    for (const entry of this.#reader.push(chunk)) {
      if (!aggregates.some((aggregate) => aggregate.load(entry))) {
        throw new ConveyorError(
          Code.FailedPrecondition,
          "Cannot restore snapshot: it has an entry of a kind that this version does not know",
        );
      }
    }
  }

  /** The state, when its last chunk is there. */
  finish(): BuiltState {
    this.#reader.end();
    const commands = this.#reader.header?.commands ?? 0;
    return { tables: this.#tables, commands };
  }
}
