/**
 * Reads a backup through as a restoration would, without one: who keeps it or brings it back after
 * that meets no damage. The work is done piece by piece as the bytes come.
 */
import type { BackupHead } from "../../proto/messages/state.ts";
import { StateBuilder } from "../state/state_builder.ts";
import { Tables } from "../state/tables.ts";
import { BackupReader } from "./backup_format.ts";

/** What a backup holds. */
export interface CheckedBackup {
  readonly head: BackupHead;
  readonly services: number;
  readonly pipelines: number;
}

/** The check of one backup. DataLoss when it is damaged, FailedPrecondition when it is newer. */
export class BackupCheck {
  readonly #reader: BackupReader = new BackupReader();
  readonly #builder: StateBuilder = new StateBuilder(new Tables());

  /** Takes the next bytes. */
  push(piece: Uint8Array): void {
    const state = this.#reader.push(piece);
    if (state.length > 0) this.#builder.push(state);
  }

  /** There are no more bytes. */
  finish(): CheckedBackup {
    const { head } = this.#reader;
    const { services, pipelines } = this.#builder.finish().tables;
    return { head, services: services.size, pipelines: pipelines.size };
  }

  /** The bytes that it is given, which end with its error when they are no whole backup. */
  async *watch(
    bytes: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, void> {
    for await (const piece of bytes) {
      this.push(piece);
      yield piece;
    }
    this.finish();
  }
}
