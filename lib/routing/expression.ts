/**
 * Expressions in CEL over one record, compiled and type-checked once. What an expression can cost is
 * bounded before it runs: its size and nesting, the functions it may call, the values that its loops
 * may run over. Evaluating one never throws.
 */
import { messageOf } from "../errors.ts";
import {
  expressionCharsMax,
  expressionLoopsMax,
  loopValuesMax,
  nestedLoopValuesMax,
} from "../limits.ts";
import { environment, linearMatches } from "./expression_environment.ts";
import type { ExpressionRecord, RecordField } from "./expression_record.ts";
import { inspectExpression } from "./expression_tree.ts";

/** A compiled expression. */
export interface Expression {
  /** The fields of the record that it may read. */
  readonly reads: ReadonlySet<RecordField>;
  /** Keys that it asks the metadata for by name. */
  readonly metadataKeys: ReadonlySet<string>;
  /** Its value; undefined when it fails on this record or has no truth value. */
  readonly test: (record: ExpressionRecord) => boolean | undefined;
}

/** The expression, or in one sentence why there is none. */
export type ExpressionResult =
  | { readonly kind: "compiled"; readonly expression: Expression }
  | { readonly kind: "refused"; readonly reason: string };

/** Compiles an expression; it must have a truth value or leave its type open. */
export function compileExpression(source: string): ExpressionResult {
  if (source.length > expressionCharsMax) {
    return refused(`it has more than ${expressionCharsMax} characters`);
  }
  try {
    return compile(source);
  } catch (error) {
    return refused(reasonOf(error));
  }
}

function compile(source: string): ExpressionResult {
  const program = environment.parse(source);
  const tree = inspectExpression(program.ast);
  if (tree.fault !== undefined) return refused(tree.fault);
  if (tree.loops > expressionLoopsMax) {
    return refused(`it has loops more than ${expressionLoopsMax} deep`);
  }
  const { valid, type, error } = program.check();
  if (!valid) return refused(reasonOf(error));
  if (type !== "bool" && type !== "dyn") {
    return refused(`it is of type ${type}, not bool`);
  }
  const valuesMax = [Infinity, loopValuesMax, nestedLoopValuesMax][tree.loops]!;
  const test = (record: ExpressionRecord): boolean | undefined => {
    record.valuesMax = valuesMax;
    try {
      const value: unknown = program(record.variables);
      return typeof value === "boolean" ? value : undefined;
    } catch {
      return undefined;
    }
  };
  const { reads, metadataKeys } = tree;
  return { kind: "compiled", expression: { reads, metadataKeys, test } };
}

function refused(reason: string): ExpressionResult {
  return { kind: "refused", reason };
}

/** The library's sentence, and where in the expression: it draws a picture of several lines. */
function reasonOf(error: unknown): string {
  const { summary, range } = error as {
    summary?: string;
    range?: { start: number };
  };
  if (summary === undefined) return messageOf(error);
  const at = range === undefined ? "" : ` at character ${range.start + 1}`;
  // The commonest mistake: partition and sequence are uint, and 3 is an int.
  const hint = /\buint\b.*\bint\b|\bint\b.*\buint\b/.test(summary)
    ? " (3u is a uint, 3 an int)"
    : "";
  return summary.replaceAll(linearMatches, "matches") + at + hint;
}
