/**
 * CRC-32C (Castagnoli), the checksum of everything that is stored or sent between nodes: it finds
 * every burst of up to 32 damaged bits. Own code, because the runtime has only the CRC-32 of zip, and
 * packages for this one bring native code or take a byte at a time. Here eight bytes are taken at a
 * time, by tables.
 */

/** Bytes taken in one step. */
const stride = 8;
/** 0x1EDC6F41 with its bits reversed. */
const polynomial = 0x82f6_3b78;
const tables = makeTables();

/** The checksum of `bytes`, or of all bytes so far when `before` is the checksum of those before. */
export function crc32c(bytes: Uint8Array, before: number = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  const { length } = bytes;
  const wholeEnd = length - length % stride;
  let crc = ~before;
  let at = 0;
  for (; at < wholeEnd; at += stride) {
    crc ^= bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 |
      bytes[at + 3]! << 24;
    crc = t7[crc & 255]! ^ t6[crc >>> 8 & 255]! ^ t5[crc >>> 16 & 255]! ^
      t4[crc >>> 24]! ^ t3[bytes[at + 4]!]! ^ t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^ t0[bytes[at + 7]!]!;
  }
  for (; at < length; at++) crc = t0[(crc ^ bytes[at]!) & 255]! ^ crc >>> 8;
  return ~crc >>> 0;
}

type T = Int32Array;
type Tables = readonly [T, T, T, T, T, T, T, T];

/** Table n holds what a byte with n bytes after it adds to the checksum. */
function makeTables(): Tables {
  const made = Array.from({ length: stride }, () => new Int32Array(256));
  const [first] = made as unknown as Tables;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? crc >>> 1 ^ polynomial : crc >>> 1;
    }
    first[byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    let crc = first[byte]!;
    for (const table of made.slice(1)) {
      table[byte] = crc = first[crc & 255]! ^ crc >>> 8;
    }
  }
  return made as unknown as Tables;
}
