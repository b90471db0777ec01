/**
 * Goal: for any bytes, the views either throw a WireError or read exactly what protobufjs reads,
 * and what they join again says the same. Method: random messages, mutated; a refusal must be one
 * that protobufjs shares, or one of the few things that only this package refuses.
 *
 * `deno task fuzz --inputs 1000000 --seed 1` runs it at length.
 */
import { parseArgs } from "@std/cli";
import { assertEquals } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { type Random, seededRandom, systemRandom } from "../../lib/random.ts";
import { RecordJoin } from "../../proto/record_join.ts";
import { RecordView } from "../../proto/record_view.ts";
import { TransformResultView } from "../../proto/transform_result_view.ts";
import { WireError, type WireErrorKind } from "../../proto/wire.ts";
import { WriteResultView } from "../../proto/write_result_view.ts";
import { below, mutated, pick } from "../fixtures/mutations.ts";
import {
  randomBatch,
  randomProcessResponse,
  randomRecord,
  randomWriteResponse,
} from "../fixtures/random_records.ts";
import {
  type Fields,
  processResponseMessage,
  recordBatchMessage,
  recordMessage,
  type ReferenceMessage,
  writeResponseMessage,
} from "../fixtures/record_messages.ts";
import {
  batchFields,
  expectedBatch,
  expectedRecord,
  expectedTransform,
  expectedWrite,
  recordFields,
  transformFields,
  writeFields,
} from "../fixtures/view_fields.ts";

/** How many inputs, and from which random numbers. */
export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
}

/** What became of the inputs. */
export interface FuzzReport {
  readonly accepted: number;
  /** Refusals by kind. */
  readonly refused: Readonly<Partial<Record<WireErrorKind, number>>>;
  readonly slowestMs: number;
}

/** An input may take this long, the pauses of a loaded machine included. */
const inputMsMax = 2_000;

/** protobufjs skips groups, fields of the wrong wire type, and varints of any length. */
const strictOnly: readonly WireErrorKind[] = [
  "group",
  "wrong_wire_type",
  "varint_too_long",
];

/** One kind of message: how the views read it, and how protobufjs does. */
interface Target {
  readonly message: ReferenceMessage;
  readonly make: (random: Random) => Fields;
  readonly read: (bytes: Uint8Array) => Fields;
  readonly expected: (decoded: Fields) => Fields;
}

// One view each for all inputs: what a refused input left behind must not show in the next.
const records = new RecordView();
const outputs = new TransformResultView();
const writes = new WriteResultView();
const join = new RecordJoin();

const targets: readonly Target[] = [
  {
    message: recordBatchMessage,
    make: randomBatch,
    read: readBatch,
    expected: expectedBatch,
  },
  {
    message: recordMessage,
    make: randomRecord,
    read: (bytes) => recordFields(records.reset(bytes).addRecord(), 0),
    expected: expectedRecord,
  },
  {
    message: processResponseMessage,
    make: randomProcessResponse,
    read: (bytes) => transformFields(outputs.reset(bytes).addResponse()),
    expected: expectedTransform,
  },
  {
    message: writeResponseMessage,
    make: randomWriteResponse,
    read: (bytes) => writeFields(writes.reset(bytes).addResponse()),
    expected: expectedWrite,
  },
];

/** Runs the inputs; throws at the first that is read wrongly, naming it and the seed. */
export function fuzzRecordViews({ inputs, seed }: FuzzOptions): FuzzReport {
  const random = seededRandom(seed);
  const corpora = targets.map(({ message, make }) =>
    Array.from({ length: 200 }, () => message.encode(make(random)))
  );
  const refused: Partial<Record<WireErrorKind, number>> = {};
  let accepted = 0;
  let slowestMs = 0;
  for (let i = 0; i < inputs; i++) {
    const t = below(targets.length, random);
    const corpus = corpora[t]!;
    const original = pick(corpus, random);
    const input = mutated(original, pick(corpus, random), random);
    const startMs = systemClock.monotonicMs();
    let refusal: WireErrorKind | undefined;
    try {
      refusal = runInput(targets[t]!, input);
      if (refusal && input === original) throw new Error(`refused: ${refusal}`);
    } catch (cause) {
      const hex = Array.from(input, (b) => b.toString(16).padStart(2, "0"));
      throw new Error(
        `SEED ${seed}, input ${i}, target ${t}: ${hex.join("")}`,
        { cause },
      );
    }
    slowestMs = Math.max(slowestMs, systemClock.monotonicMs() - startMs);
    if (slowestMs > inputMsMax) {
      throw new Error(`SEED ${seed}, input ${i}: took ${slowestMs} ms`);
    }
    if (refusal) refused[refusal] = (refused[refusal] ?? 0) + 1;
    else accepted++;
  }
  return { accepted, refused, slowestMs };
}

/** Why the input was refused; undefined when it was read, and read as protobufjs reads it. */
function runInput(
  target: Target,
  input: Uint8Array,
): WireErrorKind | undefined {
  let actual: Fields;
  try {
    actual = target.read(input);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    if (error.offset < 0 || error.offset > input.length) {
      throw new Error("the offset lies outside of the input", { cause: error });
    }
    if (!strictOnly.includes(error.kind) && isDecodable(target, input)) {
      throw new Error("protobufjs reads this input", { cause: error });
    }
    return error.kind;
  }
  assertSame(actual, target.expected(target.message.decode(input)));
  return undefined;
}

function isDecodable(target: Target, input: Uint8Array): boolean {
  try {
    target.message.decodeOnly(input);
    return true;
  } catch {
    return false;
  }
}

function readBatch(bytes: Uint8Array): Fields {
  const fields = batchFields(records.reset(bytes).addBatch());
  join.clear();
  const joined = join.addAll(records).batch(records.batchId);
  const { batchId, records: rejoined } = expectedBatch(
    recordBatchMessage.decode(joined),
  );
  assertSame(
    { batchId, records: rejoined },
    { batchId: fields.batchId, records: fields.records },
  );
  return fields;
}

/** assertEquals is thorough and slow: it is asked only to describe a difference. */
function assertSame(actual: Fields, expected: Fields): void {
  if (!isSame(actual, expected)) assertEquals(actual, expected);
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) =>
      Object.hasOwn(b, key) && isSame((a as Fields)[key], (b as Fields)[key])
    );
}

if (import.meta.main) {
  const flags: Record<string, unknown> = parseArgs(Deno.args, {
    string: ["inputs", "seed"],
  });
  const inputs = Number(flags.inputs ?? 1_000_000);
  const seed = Number(flags.seed ?? Math.floor(systemRandom() * 2 ** 32));
  const report = fuzzRecordViews({ inputs, seed });
  const line = JSON.stringify({ inputs, seed, ...report });
  await Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
}
