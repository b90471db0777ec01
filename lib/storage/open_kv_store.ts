/**
 * Opens the store of a node in a data directory: one Deno KV file, and a note of how often the store
 * was opened. The note is what tells a file that was deleted, or an old copy of it put back, from a
 * node that starts for the first time: a node that has forgotten its votes must not come up as if it
 * had never given any.
 */
import { requiredString } from "../options.ts";
import { openKvFile, usable } from "./kv_file.ts";
import type { KvStore } from "./kv_store.ts";
import { openStore, type OpenStoreOptions } from "./open_store.ts";
import { corrupt } from "./recovery.ts";
import { storeFile } from "./store_file.ts";

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
  const where = storeFile(directory);
  const { place } = where;
  const note = `${directory}/opened`;
  const kv = await openKvFile(where);
  try {
    const incarnationSeen = await usable(place, () => readNote(note, place));
    const store = await openStore(kv, { ...options, place, incarnationSeen });
    await usable(place, () => writeNote(note, store.incarnation));
    return store;
  } catch (error) {
    kv.close();
    throw error;
  }
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
