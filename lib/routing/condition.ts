/**
 * Conditions, compiled to tests of the record that a reader stands at. They read no more of a record
 * than their outcome needs: `and` and `or` stop at the first that decides. What always or never
 * holds is known as such, so that whole batches can pass without being read.
 */
import {
  conditionDepthMax,
  patternCharsMax,
  pipelineConditionsMax,
} from "../limits.ts";
import type {
  Condition as ConditionMessage,
  MetadataMatch,
} from "../../proto/messages/router.ts";
import { compileExpression } from "./expression.ts";
import type { RecordField } from "./expression_record.ts";
import type { Faults } from "./faults.ts";
import type { RecordReader } from "./record_reader.ts";
import { compileRegex } from "./regex.ts";
import {
  rememberedTextTest,
  textPattern,
  type TextTest,
} from "./text_pattern.ts";

/** A compiled condition. */
export interface Condition {
  /** The fields of a record that it may read. */
  readonly reads: ReadonlySet<RecordField>;
  /** Whether it holds for the record at hand. An expression that fails is false, and counted. */
  readonly holds: (record: RecordReader) => boolean;
}

const nothing: ReadonlySet<RecordField> = new Set();

/** Holds for every record. */
export const always: Condition = { reads: nothing, holds: () => true };
/** Holds for none. */
export const never: Condition = { reads: nothing, holds: () => false };

/** Compiles the conditions of one pipeline. */
export class ConditionCompiler {
  readonly #slots: Map<string, number> = new Map();
  readonly #faults: Faults;
  #count = 0;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** The metadata that the conditions compiled so far ask for: what a RecordReader is made with. */
  get metadataKeys(): readonly string[] {
    return [...this.#slots.keys()];
  }

  /** Compiles `condition`, found at `path`; one that is absent always holds. Faults go to the list. */
  compile(condition: ConditionMessage | undefined, path: string): Condition {
    return condition === undefined ? always : this.#any(condition, path, 1);
  }

  #any(condition: ConditionMessage, path: string, depth: number): Condition {
    if (++this.#count > pipelineConditionsMax) {
      if (this.#count === pipelineConditionsMax + 1) {
        this.#faults.say(
          path,
          `must be one of at most ${pipelineConditionsMax} conditions of a pipeline`,
        );
      }
      return never;
    }
    if (depth > conditionDepthMax) {
      this.#faults.say(path, `must be at most ${conditionDepthMax} deep`);
      return never;
    }
    const kinds = conditionKinds.filter((kind) =>
      condition[kind] !== undefined
    );
    const [kind] = kinds;
    if (kind === undefined || kinds.length > 1) {
      this.#faults.say(
        path,
        `must be one of ${namesOf(conditionKinds)}, found ${namesOf(kinds)}`,
      );
      return never;
    }
    return this.#one(kind, condition, `${path}.${nameOf(kind)}`, depth);
  }

  #one(
    kind: ConditionKind,
    condition: ConditionMessage,
    path: string,
    depth: number,
  ): Condition {
    switch (kind) {
      case "always":
        return always;
      case "recordType":
        return this.#recordType(condition.recordType!, path);
      case "metadataMatch":
        return this.#metadataMatch(condition.metadataMatch!, path);
      case "expression":
        return this.#expression(condition.expression!, path);
      case "and":
        return allOf(this.#each(condition.and!.conditions, path, depth));
      case "or":
        return oneOf(this.#each(condition.or!.conditions, path, depth));
      case "not": {
        const inner = condition.not!.condition;
        if (inner !== undefined) {
          return opposite(this.#any(inner, `${path}.condition`, depth + 1));
        }
        this.#faults.say(`${path}.condition`, "must be set, found nothing");
        return never;
      }
      default:
        return kind satisfies never;
    }
  }

  #each(
    conditions: readonly ConditionMessage[],
    path: string,
    depth: number,
  ): Condition[] {
    return conditions.map((condition, i) =>
      this.#any(condition, `${path}.conditions[${i}]`, depth + 1)
    );
  }

  #recordType(pattern: string, path: string): Condition {
    const test = this.#textTest(pattern, path);
    return {
      reads: new Set(["type"]),
      holds: (record) => test(record.recordType),
    };
  }

  #metadataMatch({ key, pattern }: MetadataMatch, path: string): Condition {
    if (key === "") {
      this.#faults.add(`${path}.key`, "must be the name of an entry", key);
    }
    const test = pattern.startsWith("re:")
      ? this.#regexTest(pattern, `${path}.pattern`)
      : this.#textTest(pattern, `${path}.pattern`);
    const slot = this.#slot(key);
    return {
      reads: new Set(["metadata"]),
      holds: (record) => {
        const value = record.metadataValue(slot);
        return value !== undefined && test(value);
      },
    };
  }

  #textTest(pattern: string, path: string): TextTest {
    if (pattern.length > patternCharsMax) {
      this.#faults.add(
        path,
        `must have at most ${patternCharsMax} characters`,
        pattern,
      );
    }
    return textPattern(pattern);
  }

  #regexTest(pattern: string, path: string): TextTest {
    const result = compileRegex(pattern.slice("re:".length));
    if (result.kind === "compiled") {
      return rememberedTextTest((text) => result.regex.test(text));
    }
    this.#faults.add(
      path,
      `must be an RE2 expression after "re:": ${result.reason}`,
      pattern,
    );
    return () => false;
  }

  #expression(source: string, path: string): Condition {
    const result = compileExpression(source);
    if (result.kind === "refused") {
      this.#faults.add(
        path,
        `must be a CEL expression over record: ${result.reason}`,
        source,
      );
      return never;
    }
    const { reads, metadataKeys, test } = result.expression;
    for (const key of metadataKeys) this.#slot(key);
    return {
      reads,
      holds: (record) => {
        const value = test(record.expressionRecord);
        if (value === undefined) record.failures++;
        return value === true;
      },
    };
  }

  #slot(key: string): number {
    const slot = this.#slots.get(key) ?? this.#slots.size;
    this.#slots.set(key, slot);
    return slot;
  }
}

const conditionKinds = [
  "always",
  "recordType",
  "metadataMatch",
  "expression",
  "and",
  "or",
  "not",
] as const satisfies readonly (keyof ConditionMessage)[];
type ConditionKind = typeof conditionKinds[number];

/** The name of a field as it is written in a pipeline: recordType is record_type. */
function nameOf(kind: ConditionKind): string {
  return kind.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function namesOf(kinds: readonly ConditionKind[]): string {
  return kinds.length === 0 ? "nothing" : kinds.map(nameOf).join(", ");
}

function allOf(conditions: readonly Condition[]): Condition {
  if (conditions.includes(never)) return never;
  const asked = conditions.filter((condition) => condition !== always);
  if (asked.length < 2) return asked[0] ?? always;
  const tests = asked.map(({ holds }) => holds);
  return {
    reads: union(asked),
    holds: (record) => {
      for (let i = 0; i < tests.length; i++) {
        if (!tests[i]!(record)) return false;
      }
      return true;
    },
  };
}

function oneOf(conditions: readonly Condition[]): Condition {
  if (conditions.includes(always)) return always;
  const asked = conditions.filter((condition) => condition !== never);
  if (asked.length < 2) return asked[0] ?? never;
  const tests = asked.map(({ holds }) => holds);
  return {
    reads: union(asked),
    holds: (record) => {
      for (let i = 0; i < tests.length; i++) {
        if (tests[i]!(record)) return true;
      }
      return false;
    },
  };
}

/**
 * An expression that fails is false, so that its opposite holds: `not` negates what the condition
 * came to, as everywhere.
 */
function opposite(condition: Condition): Condition {
  if (condition === always) return never;
  if (condition === never) return always;
  const { reads, holds } = condition;
  return { reads, holds: (record) => !holds(record) };
}

function union(conditions: readonly Condition[]): ReadonlySet<RecordField> {
  return new Set(conditions.flatMap(({ reads }) => [...reads]));
}
