/**
 * Whose a data directory is, before it is opened: a node that was set up once is a member of the
 * cluster that it knows, whatever it is told of first members later.
 */
import { decodeIdentity } from "./identity.ts";
import { identityKey } from "./kv_keys.ts";
import type { NodeIdentity } from "./store.ts";

/**
 * The identity in the directory; undefined when it was never set up. What is damaged reads as
 * undefined too: opening the store tells what is wrong with it.
 */
export async function storedIdentity(
  directory: string,
): Promise<NodeIdentity | undefined> {
  const path = `${directory}/raft.kv`;
  try {
    await Deno.stat(path);
    const kv = await Deno.openKv(path);
    try {
      const { value } = await kv.get<Uint8Array>(identityKey);
      if (value === null) return undefined;
      const { clusterId, nodeId } = decodeIdentity(path, value);
      return { clusterId, nodeId };
    } finally {
      kv.close();
    }
  } catch {
    return undefined;
  }
}
