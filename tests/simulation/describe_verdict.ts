/** A verdict on a history, for people: what cannot be, and an order of what came before it. */
import type { Operation } from "./history.ts";
import type { Verdict, Violation } from "./linearizability.ts";

const shownMax = 12;

export function describeVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case "linearizable":
      return `Linearizable: ${verdict.operations} operations on ${verdict.keys} keys`;
    case "undecided":
      return `Undecided: the search gave up on key ${
        JSON.stringify(verdict.key)
      }`;
    case "violation":
      return describeViolation(verdict);
    default:
      return verdict satisfies never;
  }
}

function describeViolation(
  { key, culprit, order, states }: Violation,
): string {
  const from = Math.max(0, order.length - shownMax);
  const shown = order.slice(from).map((operation, i) =>
    `  ${describeOperation(operation)}; then ${cut(states[from + i]!)}`
  );
  return [
    `Not linearizable: no place for ${describeOperation(culprit)}`,
    `An order of the ${order.length} operations on key ${
      JSON.stringify(key)
    } placed before it${from > 0 ? `, the last ${shownMax}` : ""}:`,
    ...shown,
  ].join("\n");
}

function describeOperation(operation: Operation): string {
  const { client, op, key, value, expected, answer, known } = operation;
  const arguments_ = [
    JSON.stringify(key),
    ...(expected === undefined ? [] : [cut(expected)]),
    ...(value === undefined ? [] : [cut(value)]),
  ];
  const came = !known
    ? "unknown outcome"
    : answer === undefined
    ? "ok"
    : cut(answer);
  const lines = known
    ? `events ${operation.invoked + 1} to ${operation.returned + 1}`
    : `event ${operation.invoked + 1}`;
  const times = known
    ? `${operation.invokedAt} to ${operation.returnedAt} ms`
    : `${operation.invokedAt} ms`;
  return `client ${client} ${op}(${
    arguments_.join(", ")
  }) -> ${came} [${lines}, ${times}]`;
}

function cut(value: string | bigint | null): string {
  if (typeof value !== "string") return String(value);
  return JSON.stringify(
    value.length > 60 ? `…${value.slice(-60)}` : value,
  );
}
