/**
 * Two ids as one key of an ordered table: no two pairs share a key, and the pairs with one first id
 * stand together, in the order of their second.
 */

/** The key of a pair. */
export function pairKey(first: string, second: string): string {
  return pairPrefix(first) + second;
}

/** What the keys of all pairs with that first id start with. */
export function pairPrefix(first: string): string {
  return `${first.length}:${first}/`;
}

/** The pair of a key. */
export function pairOf(key: string): readonly [first: string, second: string] {
  const colon = key.indexOf(":");
  const end = colon + 1 + Number(key.slice(0, colon));
  return [key.slice(colon + 1, end), key.slice(end + 1)];
}
