/**
 * Pipelines in a file: YAML of one or several documents, or JSON, which is YAML too. A document is a
 * pipeline or a list of them. What is wrong is told by file, line and path of the field.
 */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from "yaml";
import {
  Code,
  ConveyorError,
  type FieldViolation,
  messageOf,
} from "../../lib/errors.ts";
import { compilePipeline } from "../../lib/routing/pipeline.ts";
import type { PipelineConfig } from "../../proto/messages/router.ts";
import { codecOf } from "../../proto/codec.ts";
import { schema } from "../../proto/schema.ts";
import { fieldName } from "./form_names.ts";
import { readForm } from "./read_form.ts";
import { writeForm } from "./write_form.ts";

/** The type of a pipeline's configuration. */
export const pipelineType = schema.lookupType("conveyor.router.PipelineConfig");

/** A pipeline of a file. */
export interface FilePipeline {
  readonly config: PipelineConfig;
  /** The error that says these faults of it. */
  readonly refusal: (faults: readonly FieldViolation[]) => ConveyorError;
}

/** The pipelines in a file's text, in their order. InvalidArgument tells all that is wrong with them. */
export function readPipelines(file: string, text: string): FilePipeline[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    // Else an integer above 2^53 would be another one.
    intAsBigInt: true,
    // Else the key 1.0 would be the key "1".
    stringKeys: true,
  }) as Document.Parsed[];
  const pipelines = documents.flatMap((document) =>
    rootsOf(file, document).map(({ node, form }) =>
      readPipeline(file, lines, node, form)
    )
  );
  const refused = pipelines.filter((each) => each instanceof ConveyorError);
  if (refused.length > 0) throw joined(refused);
  return pipelines as FilePipeline[];
}

/** Whether a file can say all of a pipeline: a newer router knows fields that this version does not. */
export function saysAll(config: PipelineConfig): boolean {
  const codec = codecOf<PipelineConfig>(pipelineType);
  const read = readForm<PipelineConfig>(
    pipelineType,
    writeForm(pipelineType, config),
  );
  return read.kind === "read" &&
    codec.encode(read.message).length === codec.encode(config).length;
}

/** Each pipeline of a document. */
function rootsOf(
  file: string,
  document: Document.Parsed,
): { readonly node: Node | null; readonly form: unknown }[] {
  const [error] = document.errors;
  if (error) {
    throw unreadable(file, error.message.split("\n")[0]!.replace(/:$/, ""));
  }
  const form = formOf(file, document);
  if (form === null) return [];
  const { contents } = document;
  if (!isSeq(contents)) return [{ node: contents, form }];
  return contents.items.map((node, at) => ({
    node: isNode(node) ? node : null,
    form: (form as unknown[])[at],
  }));
}

function formOf(file: string, document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // An alias of nothing, or so many that they would not fit in memory.
    throw unreadable(file, messageOf(error));
  }
}

function readPipeline(
  file: string,
  lines: LineCounter,
  node: Node | null,
  form: unknown,
): FilePipeline | ConveyorError {
  const { id } = { ...form as { readonly id?: unknown } };
  const what = typeof id === "string" && id !== ""
    ? `pipeline "${id}"`
    : "a pipeline";
  const refusal: FilePipeline["refusal"] = (faults) => {
    const told = faults.map(({ field, description }) => {
      const { line } = lines.linePos(offsetOf(node, field));
      return `\n  ${file}:${line}: ${`${field} ${description}`.trimStart()}`;
    });
    return new ConveyorError(
      Code.InvalidArgument,
      `Cannot accept ${what}:${told.join("")}`,
      { details: faults },
    );
  };
  const read = readForm<PipelineConfig>(pipelineType, form);
  if (read.kind === "faulty") return refusal(read.faults);
  const config = read.message;
  const compiled = compilePipeline(config);
  const faults = compiled.kind === "invalid" ? compiled.faults : [];
  const all = config.id === "" ? [noId, ...faults] : faults;
  return all.length > 0 ? refusal(all) : { config, refusal };
}

/** By its id a file changes the pipeline that it made before, rather than make another one. */
const noId: FieldViolation = {
  field: "id",
  description: 'must be given, found ""',
};

/** Where the field of this path stands in the text, or what is next around it. */
function offsetOf(root: Node | null, path: string): number {
  let node = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [, name, quoted, index] of path.matchAll(step)) {
    if (isSeq(node) && index !== undefined) {
      node = nodeOrNull(node.items[Number(index)]);
      offset = node?.range?.[0] ?? offset;
    } else if (isMap(node)) {
      const key = name ?? (JSON.parse(quoted ?? '""') as string);
      const pair = node.items.find(({ key: each }) =>
        isScalar(each) && [each.value, fieldName(`${each.value}`)].includes(key)
      );
      if (pair === undefined) break;
      // The name itself: a value may begin lines below.
      offset = nodeOrNull(pair.key)?.range?.[0] ?? offset;
      node = nodeOrNull(pair.value);
    } else break;
  }
  return offset;
}

/** A name, `["a name"]` or `[0]`. */
const step = /([^.[\]]+)(?![^[]*"\])|\[("(?:[^"\\]|\\.)*")\]|\[(\d+)\]/g;

function nodeOrNull(value: unknown): Node | null {
  return isNode(value) ? value : null;
}

function unreadable(file: string, reason: string): ConveyorError {
  return new ConveyorError(
    Code.InvalidArgument,
    `Cannot read the pipelines in ${file}: ${reason}`,
  );
}

function joined(errors: readonly ConveyorError[]): ConveyorError {
  return new ConveyorError(
    Code.InvalidArgument,
    errors.map(({ message }) => message).join("\n"),
    { details: errors.flatMap(({ details }) => details) },
  );
}
