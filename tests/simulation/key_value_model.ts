/**
 * One key of a key-value store: put sets it, get reads it, cas sets it if it holds what was expected
 * and answers what it held, append adds at its end. A missing key is null.
 */
import { KeyValueLookahead } from "./key_value_lookahead.ts";
import type { SequentialModel } from "./sequential_model.ts";

export const keyValueModel: SequentialModel<string | null> = {
  initial: null,
  step: (state, { op, value, expected, answer }) => {
    switch (op) {
      case "put":
        return value!;
      case "append":
        return (state ?? "") + value!;
      case "get":
        return answer === undefined || answer === state ? state : undefined;
      case "cas":
        if (answer !== undefined && answer !== state) return undefined;
        return state === expected ? value! : state;
      default:
        return undefined;
    }
  },
  isRead: ({ op, value, expected, answer }) =>
    op === "get" ||
    op === "cas" && answer !== undefined &&
      (answer !== expected || answer === value),
  lookahead: (operations) => new KeyValueLookahead(operations),
};
