/**
 * What each operation on a key can be in an order, as far as the answers tell. A read shows the state
 * in which alone it can be placed. It also shows how that state came about: when every value is
 * written once and texts that are appended begin with a comma, an append that some read shows has one
 * state before it and one after it, and one that no read shows leaves a state nobody needs.
 */
import type { Operation } from "./history.ts";

export type Value = string | null;

/** What an operation has to do with the others. Operations go by their number. */
export interface Role {
  readonly n: number;
  /**
   * - `read` changes nothing.
   * - `put` sets `to`, whatever was there; so does an append that no read shows, with an unknown `to`.
   * - `swap` makes `to` of `from`, and is known to have done so.
   * - `may swap` does that if it finds `from`, and its outcome is not known.
   * - `relative`: what it makes depends on what it finds, in ways that are not known.
   */
  readonly kind: "read" | "put" | "swap" | "may swap" | "relative";
  readonly known: boolean;
  /** The only state in which it can be placed; undefined: any. */
  readonly need: Value | undefined;
  readonly from: Value | undefined;
  readonly to: string | undefined;
  /** What the state ends with after it (`markOf`); undefined when it changes nothing or that is not known. */
  readonly mark: string | undefined;
}

/** What tells values apart however they came about: the text behind the last comma. */
export function markOf(value: string): string {
  return value.slice(value.lastIndexOf(",") + 1);
}

export function rolesOf(operations: readonly Operation[]): readonly Role[] {
  const roles = operations.map(roleOf);
  const before = statesBefore(operations, roles);
  if (before === undefined) return roles;
  return roles.map((role, n) => {
    const { op, value } = operations[n]!;
    const from = before.get(n);
    if (op === "append") {
      if (from === undefined) return { ...role, kind: "put" };
      const to = (from ?? "") + value!;
      return role.known
        ? { ...role, kind: "swap", need: from, from, to }
        : { ...role, kind: "may swap", from, to };
    }
    // Nothing needs what this cas may have made.
    return role.kind === "may swap" && from === undefined
      ? { ...role, kind: "read", from, to: undefined, mark: undefined }
      : role;
  });
}

function roleOf(operation: Operation, n: number): Role {
  const { op, value, expected, answer, known } = operation;
  const role = {
    n,
    known,
    need: undefined,
    from: undefined,
    to: undefined,
    mark: undefined,
  };
  switch (op) {
    case "put":
      return { ...role, kind: "put", to: value!, mark: markOf(value!) };
    case "append": {
      const mark = value!.includes(",") ? markOf(value!) : undefined;
      return { ...role, kind: "relative", mark };
    }
    case "cas": {
      const swap = {
        ...role,
        from: expected!,
        to: value!,
        mark: markOf(value!),
      };
      if (answer === undefined) {
        return known
          ? { ...role, kind: "relative" }
          : { ...swap, kind: "may swap" };
      }
      return answer !== expected || answer === value
        ? { ...role, kind: "read", need: answer }
        : { ...swap, kind: "swap", need: answer };
    }
    default:
      return { ...role, kind: "read", need: answer };
  }
}

/**
 * The states before each append, and each cas of unknown outcome, that an answer shows, by its
 * number; undefined when values are written more than once, or cannot be told apart, so that an
 * answer does not show who wrote it.
 *
 * Answers that contradict each other do no harm: whichever is believed, the other has no place.
 */
function statesBefore(
  operations: readonly Operation[],
  roles: readonly Role[],
): Map<number, Value> | undefined {
  const writers = new Map<string, Role>();
  for (const role of roles) {
    if (role.kind === "read") continue;
    if (role.mark === undefined || writers.has(role.mark)) return undefined;
    // Behind an empty text and behind nothing, an append makes the same state.
    if (role.to === "") return undefined;
    writers.set(role.mark, role);
  }
  const before = new Map<number, Value>();
  for (const { need } of roles) {
    for (let value = need; value !== undefined && value !== null;) {
      const writer = writers.get(markOf(value));
      if (writer === undefined || before.has(writer.n)) break;
      const { op, value: text } = operations[writer.n]!;
      if (op === "append" && value.endsWith(text!)) {
        value = value === text ? null : value.slice(0, -text!.length);
      } else if (writer.kind === "may swap" && value === writer.to) {
        value = writer.from!;
      } else break;
      before.set(writer.n, value);
    }
  }
  return before;
}
