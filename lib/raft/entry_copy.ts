/**
 * Takes entries over from a caller, whose buffers (a frame off the wire, a request) may be used
 * again once the call returns. The data of one batch goes to one buffer: an allocation a batch,
 * not one an entry.
 */
import type { Entry } from "./types.ts";
import { payloadBytes } from "./entry_size.ts";

/** Copies of the entries. */
export function copyEntries(entries: readonly Entry[]): Entry[] {
  const own = copier(entries);
  return entries.map(({ term, index, type, data }) => ({
    term,
    index,
    type,
    data: own(data),
  }));
}

/** Copies of the entries as those of `term`, from `index` on. */
export function numberEntries(
  entries: readonly Entry[],
  term: number,
  index: number,
): Entry[] {
  const own = copier(entries);
  return entries.map(({ type, data }, place) => ({
    term,
    index: index + place,
    type,
    data: own(data),
  }));
}

function copier(entries: readonly Entry[]): (data: Uint8Array) => Uint8Array {
  const owned = new Uint8Array(payloadBytes(entries));
  let end = 0;
  return (data) => {
    const start = end;
    end += data.length;
    owned.set(data, start);
    return owned.subarray(start, end);
  };
}
