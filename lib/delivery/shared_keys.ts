/**
 * Which of the records that a stage made of one record carry the same idempotency_key. A transform that
 * splits a record copies its id to every part, most often: a sink that keeps one record for each key
 * would keep one part.
 */
import type { RecordView } from "../../proto/record_view.ts";
import { sharesKey } from "./lineage.ts";

/** The record that others were made of. */
export interface Parent {
  readonly view: RecordView;
  readonly index: number;
  readonly lineage: number;
}

/**
 * Whether the output with an index of `outputs` shares its key with another output from `start` to
 * before `end`, or with those that `parent` shares it with.
 */
export function sharedKeys(
  { view, index, lineage }: Parent,
  outputs: RecordView,
  start: number,
  end: number,
): (output: number) => boolean {
  const counts = new Map<string, number>();
  if (sharesKey(lineage)) counts.set(view.idempotencyKey(index).toHex(), 1);
  const keys: string[] = [];
  for (let output = start; output < end; output++) {
    const key = outputs.idempotencyKey(output).toHex();
    keys.push(key);
    if (key !== "") counts.set(key, 1 + (counts.get(key) ?? 0));
  }
  return (output) => (counts.get(keys[output - start]!) ?? 0) > 1;
}
