/**
 * 64-bit values as two 32-bit words, low and high: exact over all of uint64, compared without making
 * a bigint. Rows of a PartitionTable are made of them.
 */

/** A uint64 of its halves. */
export function uint64Of(low: number, high: number): bigint {
  return high === 0 ? BigInt(low) : BigInt(high) << 32n | BigInt(low);
}

/** A whole number up to 2^53 of its halves. */
export function wholeOf(low: number, high: number): number {
  return high * 0x1_0000_0000 + low;
}

/** Puts a uint64 into `words` from `at` on. */
export function putUint64(
  words: Uint32Array,
  at: number,
  value: bigint,
): void {
  words[at] = Number(value & 0xffff_ffffn);
  words[at + 1] = Number(value >> 32n);
}

/** Puts a whole number up to 2^53 into `words` from `at` on. */
export function putWhole(words: Uint32Array, at: number, value: number): void {
  words[at] = value >>> 0;
  words[at + 1] = Math.floor(value / 0x1_0000_0000);
}

/** Below 0 when the uint64 at `at` of `a` is lower than that of `b`; 0 when equal. */
export function compareUint64(
  a: Uint32Array,
  b: Uint32Array,
  at: number,
): number {
  return a[at + 1]! - b[at + 1]! || a[at]! - b[at]!;
}
