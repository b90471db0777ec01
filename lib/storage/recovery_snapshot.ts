/** Checks the live snapshot at the start, chunk by chunk, and notes what else is on the shelf. */
import type { KvEntry } from "./kv.ts";
import { decodeChunk } from "./kv_chunks.ts";
import { openManifest } from "./manifest.ts";
import { bytesOf, RecordError } from "./record.ts";
import type { RecoveredSnapshot } from "./recovery.ts";
import type { LogRecovery } from "./recovery_log.ts";
import { SnapshotTally } from "./snapshot_tally.ts";
import type { StateRecord } from "./state_record.ts";
import type { SnapshotManifest } from "./store.ts";

/** The shelf as far as it was read. */
export class SnapshotRecovery {
  readonly leftovers: Deno.KvKey[] = [];
  readonly #state: StateRecord;
  readonly #tally = new SnapshotTally();
  readonly #parts: number[] = [];
  #manifest: SnapshotManifest | undefined;
  #chunk: KvEntry[] = [];

  constructor(state: StateRecord) {
    this.#state = state;
  }

  /** Takes the value at the path [id] or [id, chunk, part]. */
  take(entry: KvEntry, path: readonly Deno.KvKeyPart[]): void {
    if (path.length !== 1 && path.length !== 3) {
      throw new RecordError("is no key of a store");
    }
    if (path[0] !== this.#state.snapshotId) {
      this.leftovers.push(entry.key);
    } else if (path.length === 1) {
      this.#manifest = openManifest(bytesOf(entry.value));
    } else {
      if (path[1] !== this.#chunk[0]?.key[2]) this.#decode();
      this.#chunk.push(entry);
    }
  }

  /** Called when all was taken: the live snapshot, which must be the one that `log` follows. */
  finish(log: LogRecovery): RecoveredSnapshot | undefined {
    this.#decode();
    const { snapshotId: id, firstIndex, commit } = this.#state;
    if (id === 0) {
      if (firstIndex === 1) return undefined;
      throw new RecordError(`is missing, and the log begins at ${firstIndex}`);
    }
    const manifest = this.#manifest;
    if (manifest === undefined) throw new RecordError("has no manifest");
    const { index, term } = manifest;
    if (log.term(index) !== term) {
      throw new RecordError(
        `of index ${index}, term ${term} is not of the log`,
      );
    }
    if (index > commit) {
      throw new RecordError(`of index ${index} is past the commit, ${commit}`);
    }
    if (!this.#tally.fits(manifest)) {
      const { chunks, bytes } = this.#tally;
      throw new RecordError(
        `does not fit its manifest: ${chunks} chunks and ${bytes} bytes are there of ${manifest.chunks} and ${manifest.bytes}`,
      );
    }
    return { id, manifest, parts: this.#parts };
  }

  #decode(): void {
    if (this.#chunk.length === 0) return;
    const { snapshotId: id } = this.#state;
    this.#tally.add(decodeChunk(id, this.#tally.chunks, this.#chunk));
    this.#parts.push(this.#chunk.length);
    this.#chunk = [];
  }
}
