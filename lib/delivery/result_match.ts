/**
 * Finds the record that each result of an answer is about. Services mostly answer in the order of
 * the records: then it is one comparison for each. Records with the same identity take their results
 * in order.
 */
import type { RecordIds } from "../../proto/record_ids.ts";
import type { Work } from "./work.ts";

/** Matches answers with the records sent; keeps nothing between them. */
export class ResultMatch {
  /** By result, the position that it is about; -1: none that was sent, or one answered before. */
  positions: Int32Array = new Int32Array(0);
  /** Results that are about no record sent. */
  unknown = 0;

  /** Matches the results about `ids` with the records of `work` in `sent`. */
  match(ids: RecordIds, work: Work, sent: Uint32Array): void {
    const { count } = ids;
    if (this.positions.length < count) {
      this.positions = new Int32Array(Math.max(64, count));
    }
    this.unknown = 0;
    const both = Math.min(count, sent.length);
    let result = 0;
    while (result < both && sameId(ids, result, work, sent[result]!)) {
      this.positions[result] = sent[result]!;
      result++;
    }
    if (result < count) this.#matchRest(ids, work, sent, result);
  }

  #matchRest(
    ids: RecordIds,
    work: Work,
    sent: Uint32Array,
    from: number,
  ): void {
    const owed = new Map<string, number[]>();
    for (let n = sent.length - 1; n >= from; n--) {
      const position = sent[n]!;
      const key = keyOf(work.idsOf(position), work.indexes[position]!);
      const same = owed.get(key);
      if (same) same.push(position);
      else owed.set(key, [position]);
    }
    for (let result = from; result < ids.count; result++) {
      const position = owed.get(keyOf(ids, result))?.pop() ?? -1;
      if (position < 0) this.unknown++;
      this.positions[result] = position;
    }
  }
}

function sameId(
  ids: RecordIds,
  result: number,
  work: Work,
  position: number,
): boolean {
  const other = work.idsOf(position);
  const index = work.indexes[position]!;
  return ids.sequenceLows[result] === other.sequenceLows[index] &&
    ids.sequenceHighs[result] === other.sequenceHighs[index] &&
    ids.partitions[result] === other.partitions[index] &&
    ids.sourceIds[result] === other.sourceIds[index];
}

function keyOf(ids: RecordIds, i: number): string {
  return `${ids.partitions[i]}/${ids.sequenceHighs[i]}/${ids.sequenceLows[i]}/${
    ids.sourceIds[i]
  }`;
}
