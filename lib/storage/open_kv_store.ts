/**
 * Opens the store of a node in a data directory: one Deno KV file, a lock, and a note of how often
 * the store was opened. The note is what tells a file that was deleted, or an old copy of it put
 * back, from a node that starts for the first time: a node that has forgotten its votes must not
 * come up as if it had never given any.
 */
import { ConveyorError, messageOf } from "../errors.ts";
import { requiredString } from "../options.ts";
import { FileLock } from "./file_lock.ts";
import type { Kv } from "./kv.ts";
import type { KvStore } from "./kv_store.ts";
import { openStore, type OpenStoreOptions } from "./open_store.ts";
import { corrupt } from "./recovery.ts";
import { StorageError } from "./storage_error.ts";

/** How the store in a data directory is opened. */
export interface OpenKvStoreOptions
  extends Omit<OpenStoreOptions, "place" | "incarnationSeen"> {
  /** The data directory; made when it is not there. One node has it for itself. */
  readonly directory: string;
}

/** The store in the directory. StorageError when it cannot be used; its message says what to do. */
export async function openKvStore(
  options: OpenKvStoreOptions,
): Promise<KvStore> {
  const directory = requiredString("directory", options.directory);
  const place = `data directory ${JSON.stringify(directory)}`;
  checkRuntime();
  await usable(place, () => Deno.mkdir(directory, { recursive: true }));
  const lock = await usable(
    place,
    () => FileLock.take(`${directory}/lock`, place),
  );
  let kv: Kv | undefined;
  try {
    const note = `${directory}/opened`;
    const incarnationSeen = await usable(place, () => readNote(note, place));
    kv = owning(await openFile(`${directory}/raft.kv`, place), lock);
    const store = await openStore(kv, { ...options, place, incarnationSeen });
    await usable(place, () => writeNote(note, store.incarnation));
    return store;
  } catch (error) {
    if (kv) kv.close();
    else lock.release();
    throw error;
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

async function openFile(path: string, place: string): Promise<Deno.Kv> {
  let kv: Deno.Kv;
  try {
    kv = await Deno.openKv(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw unusable(place, error);
    throw corrupt(
      place,
      `raft.kv cannot be opened: ${messageOf(error)}`,
      error,
    );
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

/** The KV, with a lock that it lets go of when it is closed. */
function owning(kv: Deno.Kv, lock: FileLock): Kv {
  return {
    get: (key) => kv.get(key),
    list: (selector, options) => kv.list(selector, options),
    atomic: () => kv.atomic(),
    close: () => {
      kv.close();
      lock.release();
    },
  };
}

/** How often the store is known to have been opened; 0 when there is no note. */
async function readNote(path: string, place: string): Promise<number> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
  const times = Number(text);
  if (/^\d+\n$/.test(text) && Number.isSafeInteger(times)) return times;
  throw corrupt(place, `"opened" is damaged: it must be a number in a line`);
}

/** Put in place whole, so that a crash leaves the old one or the new one. */
async function writeNote(path: string, times: number): Promise<void> {
  const draft = `${path}.new`;
  using file = await Deno.open(draft, {
    write: true,
    create: true,
    truncate: true,
  });
  await file.write(new TextEncoder().encode(`${times}\n`));
  await file.sync();
  await Deno.rename(draft, path);
}

async function usable<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ConveyorError ? error : unusable(place, error);
  }
}

function unusable(place: string, error: unknown): StorageError {
  return new StorageError(
    "unusable",
    `Cannot use ${place}: ${
      messageOf(error)
    }; check that it exists and that this process may read and write it`,
    error,
  );
}
