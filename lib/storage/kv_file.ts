/**
 * A Deno KV file that this process has for itself: a lock of the operating system beside it, since
 * Deno KV lets any number of processes have a file, and the certainty that it is a file at all.
 */
import { ConveyorError, messageOf } from "../errors.ts";
import { FileLock } from "./file_lock.ts";
import type { Kv } from "./kv.ts";
import { StorageError } from "./storage_error.ts";

/** Which file. */
export interface KvFile {
  /** Made when it is not there. */
  readonly directory: string;
  readonly file: string;
  readonly lock: string;
  /** What both are called in messages. */
  readonly place: string;
  /** The error of a file that is there and cannot be opened. */
  readonly corrupt: (what: string, cause: unknown) => StorageError;
}

/** Opens the file; closing the KV lets go of the lock too. StorageError when it cannot be had. */
export async function openKvFile(where: KvFile): Promise<Kv> {
  const { directory, place } = where;
  checkRuntime();
  await usable(place, () => makeDirectory(directory));
  const lock = await usable(
    place,
    () => FileLock.take(`${directory}/${where.lock}`, place),
  );
  try {
    const kv = await openFile(where);
    return {
      get: (key) => kv.get(key),
      list: (selector, options) => kv.list(selector, options),
      atomic: () => kv.atomic(),
      close: () => {
        kv.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** What `work` gives; StorageError that names the place when the file system refuses. */
export async function usable<T>(
  place: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ConveyorError ? error : unusable(place, error);
  }
}

function unusable(place: string, error: unknown): StorageError {
  const reason = messageOf(error);
  // SQLite says of a disk without room, depending on where it ends, what it says of one that fails.
  const mayPass = /\bfull\b|No space left|disk I\/O error/.test(reason);
  return new StorageError(
    mayPass ? "writeFailed" : "unusable",
    `Cannot use ${place}: ${reason}; check that this process may read and write it, and that its disk has room`,
    error,
  );
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new Error("it is a file", { cause: error });
  }
}

function checkRuntime(): void {
  if (typeof Deno.openKv !== "function") {
    throw new StorageError(
      "kvMissing",
      'Cannot keep a store: Deno KV is off; start with --unstable-kv, or put "unstable": ["kv"] into deno.json',
    );
  }
  const mode = environment("DENO_KV_DB_MODE");
  if (mode === undefined || mode === "disk") return;
  throw new StorageError(
    "memoryMode",
    `Cannot keep a store: DENO_KV_DB_MODE is ${
      JSON.stringify(mode)
    }, which keeps files in memory; unset it`,
  );
}

/** A variable; undefined also where this process may not read it. */
function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

async function openFile(
  { directory, file, place, corrupt }: KvFile,
): Promise<Deno.Kv> {
  const path = `${directory}/${file}`;
  let kv: Deno.Kv;
  try {
    kv = await Deno.openKv(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw unusable(place, error);
    const reason = messageOf(error);
    // Only what the file holds makes it unfit for ever: a full disk, or one that fails, may be mended.
    if (!/not a database|malformed|unsupported file format/.test(reason)) {
      throw unusable(place, new Error(`${file}: ${reason}`, { cause: error }));
    }
    throw corrupt(`${file} cannot be opened: ${reason}`, error);
  }
  try {
    // The variable may be set and not be readable: then only a missing file tells.
    await Deno.stat(path);
    return kv;
  } catch {
    kv.close();
    throw new StorageError(
      "memoryMode",
      `Cannot use ${place}: Deno KV keeps it in memory; unset DENO_KV_DB_MODE`,
    );
  }
}
