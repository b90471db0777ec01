/**
 * How large an entry counts: with its frame where bytes on the wire are bounded, without where a
 * proposer's data is. An empty entry must count 0 in the second, or a leader whose budget is used
 * up could not append the entry that opens its term.
 */
import type { Entry } from "./types.ts";

/** Term, index, type and length of an entry on the wire, rounded up. */
export const entryFrameBytes = 16;

/** Size of an entry on the wire. */
export function entryBytes(entry: Entry): number {
  return entryFrameBytes + entry.data.length;
}

/** Size of the entries on the wire. */
export function entriesBytes(entries: readonly Entry[]): number {
  return payloadBytes(entries) + entries.length * entryFrameBytes;
}

/** Size of what the proposers gave. */
export function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const { data } of entries) bytes += data.length;
  return bytes;
}

/** How many of the entries from `start` to before `end` fit in `maxBytes`: one at least. */
export function countWithin(
  entries: readonly Entry[],
  start: number,
  end: number,
  maxBytes: number,
): number {
  let bytes = 0;
  for (let at = start; at < end; at++) {
    bytes += entryBytes(entries[at]!);
    if (bytes > maxBytes && at > start) return at - start;
  }
  return Math.max(0, end - start);
}
