/**
 * Where everything of a node's store stands:
 *
 *     ["m", "id"]                 whose store it is, its format, how often it was opened
 *     ["m", "hs"]                 term, vote and commit, the bounds of the log, the live snapshot;
 *                                 empty while the store is being set up
 *     ["l", first]                a block: the entries from index `first` on, as many as fit a value
 *     ["l", first, part]          what does not fit the value of a single large entry, from part 1 on
 *     ["s", id]                   manifest of snapshot number `id`
 *     ["s", id, chunk, part]      its chunks, each in parts that fit a value
 *
 * Entries stand in blocks because what a commit costs is its keys: one block for the 64 entries of a
 * commit is half again as fast as 64 keys, and as much cheaper to drop and to read at a start.
 */
export const identityKey: Deno.KvKey = ["m", "id"];
export const stateKey: Deno.KvKey = ["m", "hs"];
export const logPrefix: Deno.KvKey = ["l"];
export const snapshotPrefix: Deno.KvKey = ["s"];

export function blockKey(first: number): Deno.KvKey {
  return ["l", first];
}

export function blockPartKey(first: number, part: number): Deno.KvKey {
  return ["l", first, part];
}

export function manifestKey(id: number): Deno.KvKey {
  return ["s", id];
}

export function chunkPrefix(id: number, chunk: number): Deno.KvKey {
  return ["s", id, chunk];
}

export function chunkPartKey(
  id: number,
  chunk: number,
  part: number,
): Deno.KvKey {
  return ["s", id, chunk, part];
}
