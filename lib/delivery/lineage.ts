/**
 * Tells the records apart that are made of one source record: by the stages that they went through
 * and their place among the outputs. Made again in the same way, after a retry or a restart, a record
 * has the same lineage: idempotency keys rest on it. A lineage is an integer of 53 bits; records that
 * the same stage made of the same record never share one. Its highest bit says whether the record has its
 * own idempotency_key in common with others that were made of the same one.
 */

const highBits = 0x0f_ffff;
const sharesKeyBit = 0x10_0000;
const twoTo32 = 0x1_0000_0000;

/** The lineage of a record as it came from its source. */
export const sourceLineage = 0;

/** Whether records with this lineage have their idempotency_key in common with others. */
export function sharesKey(lineage: number): boolean {
  return lineage >= sharesKeyBit * twoTo32;
}

/** The lineage of what a stage, known by its hash, made as output `place` of a record. */
export function childLineage(
  parent: number,
  stageHash: number,
  place: number,
  sharing: boolean = sharesKey(parent),
): number {
  const low = parent % twoTo32 | 0;
  const high = Math.floor(parent / twoTo32);
  const salted = mixed(low ^ stageHash);
  // For one parent and stage this is one-to-one in the place.
  const childLow = mixed(salted + place | 0) >>> 0;
  const childHigh = mixed(high ^ salted ^ 0x5bd1e995) & highBits;
  return ((sharing ? sharesKeyBit : 0) + childHigh) * twoTo32 + childLow;
}

/** A 32-bit hash of names. */
export function hashOfNames(...names: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const name of names) {
    for (let i = 0; i < name.length; i++) {
      hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    }
    hash = Math.imul(hash ^ 0xffff, 0x01000193);
  }
  return mixed(hash);
}

/** The finalizer of MurmurHash3: one-to-one, every bit of it depends on every bit given. */
function mixed(value: number): number {
  let x = value;
  x = Math.imul(x ^ x >>> 16, 0x85ebca6b);
  x = Math.imul(x ^ x >>> 13, 0xc2b2ae35);
  return x ^ x >>> 16;
}
