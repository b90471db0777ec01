/**
 * Backups as files of one folder. One is written beside its place, made durable, and put there in one
 * step: a crash leaves a part that the next start removes, never half a backup.
 */
import { ConveyorError } from "../errors.ts";
import { backupPieceBytes } from "../limits.ts";
import { BackupReader } from "./backup_format.ts";
import {
  checkedId,
  checkRoom,
  checkSize,
  noSuchBackup,
} from "./backup_rules.ts";
import type { BackupInfo, BackupStore } from "./backup_store.ts";

const ending = ".backup";
const partEnding = ".part";

/** The backups in a folder, which no other process may use. */
export class FileBackups implements BackupStore {
  readonly #folder: string;
  readonly #kept: Map<string, BackupInfo>;
  /** Names of those that are being saved. */
  readonly #saving: Set<string> = new Set();

  private constructor(folder: string, kept: Map<string, BackupInfo>) {
    this.#folder = folder;
    this.#kept = kept;
  }

  /** Opens a folder, which is made when it is not there. A file that is no backup is left alone. */
  static async open(folder: string): Promise<FileBackups> {
    await Deno.mkdir(folder, { recursive: true });
    const kept = new Map<string, BackupInfo>();
    for await (const { name, isFile } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isFile && name.endsWith(partEnding)) await Deno.remove(path);
      if (!isFile || !name.endsWith(ending)) continue;
      const id = name.slice(0, -ending.length);
      const info = await infoOf(id, path);
      if (info) kept.set(id, info);
    }
    return new FileBackups(folder, kept);
  }

  async save(
    id: string,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<BackupInfo> {
    checkedId(id);
    const taken = this.#kept.has(id) || this.#saving.has(id);
    checkRoom(id, this.#kept.size + this.#saving.size, taken);
    this.#saving.add(id);
    const part = `${this.#folder}/${id}${partEnding}`;
    try {
      const info = await written(id, part, bytes);
      await Deno.rename(part, this.#path(id));
      await madeDurable(this.#folder);
      this.#kept.set(id, info);
      return info;
    } catch (error) {
      await Deno.remove(part).catch(() => {});
      throw error;
    } finally {
      this.#saving.delete(id);
    }
  }

  list(): Promise<readonly BackupInfo[]> {
    const infos = [...this.#kept.values()];
    return Promise.resolve(
      infos.sort((a, b) => a.createdAtMs - b.createdAtMs),
    );
  }

  async *read(id: string): AsyncGenerator<Uint8Array, void, void> {
    if (!this.#kept.has(checkedId(id))) throw noSuchBackup(id);
    using file = await this.#opened(id);
    for (;;) {
      const piece = new Uint8Array(backupPieceBytes);
      const read = await file.read(piece);
      if (read === null) return;
      yield piece.subarray(0, read);
    }
  }

  async delete(id: string): Promise<boolean> {
    if (!this.#kept.delete(checkedId(id))) return false;
    try {
      await Deno.remove(this.#path(id));
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** The file of a backup, which an operator may have taken away, or another call deleted. */
  async #opened(id: string): Promise<Deno.FsFile> {
    try {
      return await Deno.open(this.#path(id));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      this.#kept.delete(id);
      throw noSuchBackup(id);
    }
  }

  #path(id: string): string {
    return `${this.#folder}/${id}${ending}`;
  }
}

/** Writes a backup to a file that is not there. */
async function written(
  id: string,
  path: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<BackupInfo> {
  using file = await Deno.open(path, { write: true, createNew: true });
  const reader = new BackupReader();
  let sizeBytes = 0;
  for await (const piece of bytes) {
    reader.push(piece);
    sizeBytes += piece.length;
    checkSize(id, sizeBytes);
    for (let at = 0; at < piece.length;) {
      at += await file.write(piece.subarray(at));
    }
  }
  await file.syncData();
  const { commitIndex, term, createdAtMs } = reader.head;
  return { id, sizeBytes, commitIndex, term, createdAtMs };
}

/** The name of a file is durable when its folder is. */
async function madeDurable(folder: string): Promise<void> {
  using handle = await Deno.open(folder);
  await handle.sync();
}

/** What the head of a file says; undefined: it is no backup that this version reads. */
async function infoOf(
  id: string,
  path: string,
): Promise<BackupInfo | undefined> {
  using file = await Deno.open(path);
  const start = new Uint8Array(backupPieceBytes);
  const read = await file.read(start) ?? 0;
  const { size: sizeBytes } = await file.stat();
  try {
    const reader = new BackupReader();
    reader.push(start.subarray(0, read));
    const { commitIndex, term, createdAtMs } = reader.head;
    return { id, sizeBytes, commitIndex, term, createdAtMs };
  } catch (error) {
    if (error instanceof ConveyorError) return undefined;
    throw error;
  }
}
