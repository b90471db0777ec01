/**
 * Whose a data directory is, before it is opened: a node that was set up once is a member of the
 * cluster that it knows, whatever it is told of first members later. Only looking needs the lock too:
 * Deno KV writes to a file when it opens it, and the node that has the file would take that for a
 * disk that refuses its own writes, and stop.
 */
import { decodeIdentity } from "./identity.ts";
import { openKvFile } from "./kv_file.ts";
import { identityKey } from "./kv_keys.ts";
import { bytesOf } from "./record.ts";
import { StorageError } from "./storage_error.ts";
import type { NodeIdentity } from "./store.ts";
import { storeFile } from "./store_file.ts";

/**
 * The identity in the directory; undefined when it was never set up. What is damaged reads as
 * undefined too: opening the store tells what is wrong with it. StorageError when another process
 * has the directory.
 */
export async function storedIdentity(
  directory: string,
): Promise<NodeIdentity | undefined> {
  const where = storeFile(directory);
  const path = `${directory}/${where.file}`;
  try {
    await Deno.stat(path);
    const kv = await openKvFile(where);
    try {
      const { value } = await kv.get(identityKey);
      if (value === null) return undefined;
      const { clusterId, nodeId } = decodeIdentity(path, bytesOf(value));
      return { clusterId, nodeId };
    } finally {
      kv.close();
    }
  } catch (error) {
    if (error instanceof StorageError && error.fault === "locked") throw error;
    return undefined;
  }
}
