/**
 * Which lane of a stage a record belongs to: by its key or, where it has none, by its source and
 * partition. Equal keys share a lane, so that their order holds however many lanes there are.
 */
import type { RecordView } from "../../proto/record_view.ts";
import type { Load, Records } from "./load.ts";

/** A 32-bit hash of what the record's order depends on. */
export function orderHash(view: RecordView, i: number): number {
  const key = view.key(i);
  let hash = 0x811c9dc5;
  if (key.length > 0) {
    for (let n = 0; n < key.length; n++) {
      hash = Math.imul(hash ^ key[n]!, 0x01000193);
    }
  } else {
    const source = view.ids.sourceIds[i]!;
    for (let n = 0; n < source.length; n++) {
      hash = Math.imul(hash ^ source.charCodeAt(n), 0x01000193);
    }
    hash = Math.imul(hash ^ view.ids.partitions[i]!, 0x01000193);
  }
  hash ^= hash >>> 16;
  return Math.imul(hash, 0x85ebca6b) >>> 0;
}

/** Deals records out to `lanes` lanes; `each` is called for every lane that gets some. */
export function byLane(
  load: Load,
  records: Records,
  lanes: number,
  each: (lane: number, records: Uint32Array) => void,
): void {
  const count = load.countOf(records);
  const laneOf = new Uint16Array(count);
  const counts = new Uint32Array(lanes);
  for (let n = 0; n < count; n++) {
    const lane = orderHash(load.view, records === "all" ? n : records[n]!) %
      lanes;
    laneOf[n] = lane;
    counts[lane]!++;
  }
  // One array for all lanes: a part of it is what a lane gets.
  const dealt = new Uint32Array(count);
  const next = new Uint32Array(lanes);
  for (let lane = 1; lane < lanes; lane++) {
    next[lane] = next[lane - 1]! + counts[lane - 1]!;
  }
  for (let n = 0; n < count; n++) {
    dealt[next[laneOf[n]!]!++] = records === "all" ? n : records[n]!;
  }
  for (let lane = 0; lane < lanes; lane++) {
    if (counts[lane] === 0) continue;
    each(lane, dealt.subarray(next[lane]! - counts[lane]!, next[lane]));
  }
}
