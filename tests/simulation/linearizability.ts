/**
 * Whether a recorded history is linearizable: whether each operation can be given one moment between
 * its invocation and its return, so that one client after another would have seen the same answers.
 * Keys are checked one by one, since a history is linearizable when it is for every key (Herlihy and
 * Wing, 1990).
 *
 * A violation is shown by the shortest beginning of the history that has one: it ends with the return
 * of the operation that cannot be placed, and up to there an order exists, which is shown too.
 */
import {
  type HistoryEvent,
  type Operation,
  operationsOf,
  operationsUpTo,
} from "./history.ts";
import { keyValueModel } from "./key_value_model.ts";
import { offsetModel } from "./offset_model.ts";
import { PlacementSearch, type SearchResult } from "./placement_search.ts";
import type { ModelState, SequentialModel } from "./sequential_model.ts";

export type Verdict =
  | {
    readonly kind: "linearizable";
    readonly operations: number;
    readonly keys: number;
  }
  | Violation
  /** The search gave up; nothing is said about the history. */
  | { readonly kind: "undecided"; readonly key: string };

export interface Violation {
  readonly kind: "violation";
  readonly key: string;
  /** Returns at the end of the shortest beginning of the history that is not linearizable. */
  readonly culprit: Operation;
  /** An order of what is in that beginning, without the culprit. */
  readonly order: readonly Operation[];
  /** What the key held after each operation of `order`. */
  readonly states: readonly ModelState[];
}

/** Situations tried before the search gives up. */
const triesMaxDefault = 2_000_000;

/** Checks a history; `triesMax` bounds the work for each key. */
export function checkHistory(
  events: readonly HistoryEvent[],
  triesMax: number = triesMaxDefault,
): Verdict {
  const operations = operationsOf(events);
  const keys = Map.groupBy(
    operations,
    ({ op, key }) => `${isOffset(op) ? "offset" : "value"} ${key}`,
  );
  let verdict: Verdict = {
    kind: "linearizable",
    operations: operations.length,
    keys: keys.size,
  };
  for (const ofKey of keys.values()) {
    const found = isOffset(ofKey[0]!.op)
      ? checkKey(offsetModel, ofKey, triesMax)
      : checkKey(keyValueModel, ofKey, triesMax);
    if (found === undefined) continue;
    // Of several violations the one that shows first.
    if (
      verdict.kind !== "violation" ||
      found.kind === "violation" &&
        found.culprit.returned < verdict.culprit.returned
    ) verdict = found;
  }
  return verdict;
}

function isOffset(op: Operation["op"]): boolean {
  return op === "commit" || op === "offset";
}

/** What is wrong with the operations of one key; undefined when nothing is. */
export function checkKey<S extends ModelState>(
  model: SequentialModel<S>,
  operations: readonly Operation[],
  triesMax: number = triesMaxDefault,
): Exclude<Verdict, { kind: "linearizable" }> | undefined {
  const result = new PlacementSearch(model, operations).run(triesMax);
  if (result === "found") return undefined;
  const key = operations[0]!.key;
  if (result === "gave up") return { kind: "undecided", key };
  const returning = operations.filter(({ known }) => known)
    .sort((a, b) => a.returned - b.returned);
  // The first return up to which there is no order: beginnings only get worse.
  const searchUpTo = (end: number): PlacementSearch<S> =>
    new PlacementSearch(model, operationsUpTo(operations, end));
  let low = 0;
  let high = returning.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const search = searchUpTo(returning[middle]!.returned);
    // Given up counts as bad, so that what is shown still holds no order, only not the shortest.
    if (search.run(triesMax) === "found") low = middle + 1;
    else high = middle;
  }
  const culprit = returning[low]!;
  const before = searchUpTo(culprit.returned - 1);
  const search: SearchResult = before.run(triesMax);
  const order = search === "found" ? before.order : [];
  let state = model.initial;
  const states = order.map((operation) =>
    state = model.step(state, operation)!
  );
  return { kind: "violation", key, culprit, order, states };
}
