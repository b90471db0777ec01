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
    const inOrder = this.#matchInOrder(ids, work, sent);
    if (inOrder < count) this.#matchRest(ids, work, sent, inOrder);
  }

  /** Matches results as long as they come as the records were sent; returns how many did. */
  #matchInOrder(ids: RecordIds, work: Work, sent: Uint32Array): number {
    const { positions } = this;
    const { sequenceLows, sequenceHighs, partitions, sourceIds } = ids;
    const { indexes, loadOf } = work;
    const both = Math.min(ids.count, sent.length);
    let result = 0;
    while (result < both) {
      // Of one load at a time: its columns are the same for many records.
      const number = loadOf[sent[result]!]!;
      const other = work.loads[number]!.view.ids;
      for (; result < both; result++) {
        const position = sent[result]!;
        if (loadOf[position] !== number) break;
        const index = indexes[position]!;
        if (
          sequenceLows[result] !== other.sequenceLows[index] ||
          sequenceHighs[result] !== other.sequenceHighs[index] ||
          partitions[result] !== other.partitions[index] ||
          sourceIds[result] !== other.sourceIds[index]
        ) return result;
        positions[result] = position;
      }
    }
    return result;
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

function keyOf(ids: RecordIds, i: number): string {
  return `${ids.partitions[i]}/${ids.sequenceHighs[i]}/${ids.sequenceLows[i]}/${
    ids.sourceIds[i]
  }`;
}
