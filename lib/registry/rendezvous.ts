/**
 * Rendezvous hashing: of several candidates the one with the highest score for a key has it. When a
 * candidate comes or goes, only the keys that it has or had move, and every node that knows the same
 * candidates chooses alike.
 */

/** A 32-bit hash of a text, the same on every machine: FNV-1a over UTF-16 units, mixed. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return mixed(hash);
}

/** A hash of two hashes, in this order. */
export function hashPair(a: number, b: number): number {
  return mixed(mixed(a) + Math.imul(b, 0x9e3779b1));
}

/** Spreads every bit of a 32-bit number over all others (the finalizer of MurmurHash3). */
function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** What may have keys. Each has a hash of its own. */
export interface Candidate {
  readonly hash: number;
}

/**
 * The candidate that has the key of that hash: of equal scores the earlier one, so that candidates
 * are to be given in an order that all nodes share. Undefined: there is none.
 */
export function chooseByRendezvous<C extends Candidate>(
  key: number,
  candidates: readonly C[],
): C | undefined {
  let best: C | undefined;
  let bestScore = -1;
  for (const candidate of candidates) {
    const score = hashPair(key, candidate.hash);
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}
