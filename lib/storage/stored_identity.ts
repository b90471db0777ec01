/**
 * Whose a data directory is, before it is opened: a node that was set up once is a member of the
 * cluster that it knows, whatever it is told of first members later. Only looking needs the lock too:
 * Deno KV writes to a file when it opens it, and the node that has the file would take that for a
 * disk that refuses its own writes, and stop.
 */
import { decodeIdentity } from "./identity.ts";
import { openKvFile, usable } from "./kv_file.ts";
import { identityKey } from "./kv_keys.ts";
import { bytesOf, RecordError } from "./record.ts";
import type { NodeIdentity } from "./store.ts";
import { storeFile } from "./store_file.ts";

/**
 * The identity in the directory; undefined when it was never set up. StorageError when that cannot be
 * seen, now or ever: who cannot look must not take the directory for an empty one.
 */
export async function storedIdentity(
  directory: string,
): Promise<NodeIdentity | undefined> {
  const where = storeFile(directory);
  const { file, place } = where;
  const path = `${directory}/${file}`;
  if (!await usable(place, () => exists(path))) return undefined;
  const kv = await openKvFile(where);
  try {
    const { value } = await usable(place, () => kv.get(identityKey));
    if (value === null) return undefined;
    const { clusterId, nodeId } = decodeIdentity(place, bytesOf(value));
    return { clusterId, nodeId };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    throw where.corrupt(`its identity ${error.message}`, error);
  } finally {
    kv.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
