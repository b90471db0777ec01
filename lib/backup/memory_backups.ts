/** Backups in memory, for a router without a disk and for tests. They go with the process. */
import { BackupReader } from "./backup_format.ts";
import {
  checkedId,
  checkRoom,
  checkSize,
  noSuchBackup,
} from "./backup_rules.ts";
import type { BackupInfo, BackupStore } from "./backup_store.ts";

interface Kept {
  readonly info: BackupInfo;
  readonly pieces: readonly Uint8Array[];
}

/** The backups of a process. */
export class MemoryBackups implements BackupStore {
  readonly #kept: Map<string, Kept> = new Map();
  /** Names of those that are being saved. */
  readonly #saving: Set<string> = new Set();

  async save(
    id: string,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<BackupInfo> {
    checkedId(id);
    const taken = this.#kept.has(id) || this.#saving.has(id);
    checkRoom(id, this.#kept.size + this.#saving.size, taken);
    this.#saving.add(id);
    try {
      const reader = new BackupReader();
      const pieces: Uint8Array[] = [];
      let sizeBytes = 0;
      for await (const piece of bytes) {
        reader.push(piece);
        sizeBytes += piece.length;
        checkSize(id, sizeBytes);
        pieces.push(piece.slice());
      }
      const { commitIndex, term, createdAtMs } = reader.head;
      const info = { id, sizeBytes, commitIndex, term, createdAtMs };
      this.#kept.set(id, { info, pieces });
      return info;
    } finally {
      this.#saving.delete(id);
    }
  }

  list(): Promise<readonly BackupInfo[]> {
    const infos = Array.from(this.#kept.values(), ({ info }) => info);
    return Promise.resolve(
      infos.sort((a, b) => a.createdAtMs - b.createdAtMs),
    );
  }

  async *read(id: string): AsyncGenerator<Uint8Array, void, void> {
    const kept = this.#kept.get(checkedId(id));
    if (!kept) throw noSuchBackup(id);
    for (const piece of kept.pieces) {
      // Who reads has work with each: others get their turn in between.
      await new Promise<void>((resolve) => setImmediate(resolve));
      yield piece;
    }
  }

  delete(id: string): Promise<boolean> {
    return Promise.resolve(this.#kept.delete(checkedId(id)));
  }
}
