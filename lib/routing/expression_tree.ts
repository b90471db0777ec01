/**
 * What can be told from the tree of an expression before it runs: the fields it reads, the functions
 * it calls, how deep its loops are, whether its regular expressions compile. Calls of `matches` are
 * given their inner name here.
 */
import {
  type ExpressionNode,
  functionNames,
  linearMatches,
  loopNames,
} from "./expression_environment.ts";
import { type RecordField, recordFields } from "./expression_record.ts";
import { compileRegex } from "./regex.ts";

/** What was found in a tree. */
export interface ExpressionTree {
  readonly reads: ReadonlySet<RecordField>;
  /** Keys that it asks the metadata for by name. */
  readonly metadataKeys: ReadonlySet<string>;
  /** Loops inside one another. */
  readonly loops: number;
  /** What is wrong with it, in one sentence. */
  readonly fault: string | undefined;
}

/** Walks the tree under `root`. */
export function inspectExpression(root: ExpressionNode): ExpressionTree {
  const reads = new Set<RecordField>();
  const metadataKeys = new Set<string>();
  let loops = 0;
  let fault: string | undefined;
  const visit = (node: ExpressionNode, depth: number): void => {
    loops = Math.max(loops, depth);
    if (node.op === "call" || node.op === "rcall") {
      fault ??= checkCall(node);
      if (node.op === "rcall" && loopNames.has(node.args[0])) {
        visit(node.args[1], depth);
        for (const arg of node.args[2]) visit(arg, depth + 1);
        return;
      }
    }
    const key = metadataKeyOf(node);
    if (key !== undefined) metadataKeys.add(key);
    const field = fieldOf(node);
    if (field !== undefined) reads.add(field);
    else if (node.op === "id" && node.args === "record") {
      for (const each of Object.keys(recordFields)) {
        reads.add(each as RecordField);
      }
    } else for (const child of childrenOf(node)) visit(child, depth);
  };
  visit(root, 0);
  return { reads, metadataKeys, loops, fault };
}

/** Why the call cannot be made. */
function checkCall(
  node: ExpressionNode & { op: "call" | "rcall" },
): string | undefined {
  const [name] = node.args;
  const args = node.op === "call" ? node.args[1] : node.args[2];
  if (!functionNames.has(name)) return `there is no function "${name}"`;
  if (name !== "matches") return undefined;
  node.args[0] = linearMatches;
  const pattern = args.at(-1);
  if (pattern?.op !== "value" || typeof pattern.args !== "string") {
    return undefined;
  }
  const result = compileRegex(pattern.args);
  return result.kind === "compiled"
    ? undefined
    : `its regular expression is not RE2: ${result.reason}`;
}

/** The field of the record that the node reads, if it does no more than that. */
function fieldOf(node: ExpressionNode): RecordField | undefined {
  if (node.op !== ".") return undefined;
  const [of, name] = node.args;
  const known = of.op === "id" && of.args === "record" &&
    Object.hasOwn(recordFields, name);
  return known ? name as RecordField : undefined;
}

/** The name of the entry that the node asks the metadata for, if it says which. */
function metadataKeyOf(node: ExpressionNode): string | undefined {
  switch (node.op) {
    case ".":
      return fieldOf(node.args[0]) === "metadata" ? node.args[1] : undefined;
    case "[]":
      return fieldOf(node.args[0]) === "metadata"
        ? textOf(node.args[1])
        : undefined;
    case "in":
      return fieldOf(node.args[1]) === "metadata"
        ? textOf(node.args[0])
        : undefined;
    default:
      return undefined;
  }
}

/** The text that the node is. */
function textOf({ op, args }: ExpressionNode): string | undefined {
  return op === "value" && typeof args === "string" ? args : undefined;
}

/** The nodes right under a node: its operands lie in lists, and in lists of lists. */
function childrenOf(node: ExpressionNode): ExpressionNode[] {
  const found: ExpressionNode[] = [];
  const collect = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(collect);
    else if (typeof part === "object" && part !== null && "op" in part) {
      found.push(part as ExpressionNode);
    }
  };
  collect(node.args);
  return found;
}
