/**
 * A dead letter as values in the KV:
 *
 *     ["m", "id"]                      whose letters they are, and their format
 *     ["d", id]                        the head: all but the record, and a small record too
 *     ["p", id, generation, part]      a larger record, in parts
 *     ["w", id, generation]            names parts that no head may own: they are removed at the start
 *
 * Most letters take one value, so that a commit holds hundreds. The parts of a record bear a number
 * that is used once, so that a letter that is kept again never has parts of two records mixed.
 */
import {
  kvKeyBytes,
  kvValueBytesMax,
  letterInlineBytesMax,
} from "../limits.ts";
import type { KvWrite } from "./kv_batch.ts";
import type { LetterHead } from "./letter.ts";
import {
  joinBytes,
  openRecord,
  readInteger,
  RecordError,
  recordKind,
  seal,
  unseal,
} from "./record.ts";

/** Where the record of a letter stands. */
export interface LetterBody {
  readonly generation: number;
  /** Values beside the head; 0 when the record stands in it. */
  readonly parts: number;
  readonly bytes: number;
}

/** A head as it was read. */
export interface StoredHead {
  readonly head: LetterHead;
  readonly body: LetterBody;
  /** The record when it stands in the head. */
  readonly inline: Uint8Array;
}

const headPrefix = "d";
const partPrefix = "p";
const intentPrefix = "w";
const none = new Uint8Array(0);
/** Bytes of a record in one value; the rest of the value says where they belong. */
const partBytesMax = kvValueBytesMax - 128;
/** What a head takes beside its texts and its record, about. */
const headBytes = 96;

export const headsKey: Deno.KvKey = [headPrefix];
export const intentsKey: Deno.KvKey = [intentPrefix];

export function headKey(id: string): Deno.KvKey {
  return [headPrefix, id];
}

export function partKey(
  id: string,
  generation: number,
  part: number,
): Deno.KvKey {
  return [partPrefix, id, generation, part];
}

function intentKey(id: string, generation: number): Deno.KvKey {
  return [intentPrefix, id, generation];
}

/** How a record of so many bytes is to be stored. */
export function bodyOf(bytes: number, generation: number): LetterBody {
  const parts = bytes <= letterInlineBytesMax
    ? 0
    : Math.ceil(bytes / partBytesMax);
  return { generation, parts, bytes };
}

/** Bytes that a letter takes in the store, about. */
export function storedBytes(head: LetterHead, body: LetterBody): number {
  return headBytes + kvKeyBytes * (1 + 2 * body.parts) + body.bytes +
    head.errorMessage.length + head.pipelineId.length + head.stageId.length;
}

/** What has to be written to keep a letter, in order, in place of one that has the body `old`. */
export function* keepWrites(
  head: LetterHead,
  body: LetterBody,
  record: Uint8Array,
  old: LetterBody | undefined,
): Generator<KvWrite, void, void> {
  const { id } = head;
  if (body.parts > 0) yield intent(id, body);
  for (let part = 0; part < body.parts; part++) {
    yield {
      key: partKey(id, body.generation, part),
      value: encodePart(id, body.generation, part, record),
    };
  }
  if (old && old.parts > 0) yield intent(id, old);
  yield { key: headKey(id), value: encodeHead(head, body, record) };
  if (body.parts > 0) yield remove(intentKey(id, body.generation));
  if (old) yield* partRemovals(id, old);
}

/** What has to be written to remove a letter, in order. */
export function* removeWrites(
  id: string,
  body: LetterBody,
): Generator<KvWrite, void, void> {
  if (body.parts > 0) yield intent(id, body);
  yield remove(headKey(id));
  yield* partRemovals(id, body);
}

/** Removes the parts of a body that no head owns, and what names them. */
export function* partRemovals(
  id: string,
  { generation, parts }: Pick<LetterBody, "generation" | "parts">,
): Generator<KvWrite, void, void> {
  if (parts === 0) return;
  for (let part = 0; part < parts; part++) {
    yield remove(partKey(id, generation, part));
  }
  yield remove(intentKey(id, generation));
}

/** Removes only the name of parts that a head owns after all. */
export function intentRemoval(id: string, generation: number): KvWrite {
  return remove(intentKey(id, generation));
}

function intent(id: string, { generation, parts }: LetterBody): KvWrite {
  const value = seal(
    openRecord(recordKind.letterIntent)
      .string(id).uint64(generation).uint64(parts),
  );
  return { key: intentKey(id, generation), value };
}

function remove(key: Deno.KvKey): KvWrite {
  return { key, value: undefined };
}

/** How many parts an intent names. RecordError when it is damaged or another's. */
export function decodeIntent(
  sealed: Uint8Array,
  id: string,
  generation: number,
): number {
  return unseal(recordKind.letterIntent, sealed, (read) => {
    checkPlace(read.string() === id && readInteger(read) === generation);
    return readInteger(read);
  });
}

function encodePart(
  id: string,
  generation: number,
  part: number,
  record: Uint8Array,
): Uint8Array {
  const from = part * partBytesMax;
  return seal(
    openRecord(recordKind.letterPart, partBytesMax + 128)
      .string(id).uint64(generation).uint64(part)
      .bytes(record.subarray(from, from + partBytesMax)),
  );
}

/** The bytes of a part. RecordError when it is damaged or another's. */
export function decodePart(
  sealed: Uint8Array,
  id: string,
  generation: number,
  part: number,
): Uint8Array {
  return unseal(recordKind.letterPart, sealed, (read) => {
    checkPlace(
      read.string() === id && readInteger(read) === generation &&
        readInteger(read) === part,
    );
    return read.bytes();
  });
}

/** The record whose parts these are. RecordError when it is not the one that the head tells of. */
export function joinParts(
  { bytes }: LetterBody,
  parts: readonly Uint8Array[],
): Uint8Array {
  const record = joinBytes(parts);
  if (record.length === bytes) return record;
  throw new RecordError(`has a record of ${record.length} bytes, not ${bytes}`);
}

function encodeHead(
  head: LetterHead,
  body: LetterBody,
  record: Uint8Array,
): Uint8Array {
  return seal(
    openRecord(recordKind.letter)
      .string(head.id)
      .string(head.pipelineId)
      .string(head.stageId)
      .string(head.errorCode)
      .string(head.errorMessage)
      .uint64(head.attempts)
      .double(head.firstFailureMs)
      .double(head.lastFailureMs)
      .double(head.expiresAtMs)
      .double(head.lineage)
      .uint64(body.generation)
      .uint64(body.parts)
      .uint64(body.bytes)
      .bytes(body.parts === 0 ? record : none),
  );
}

/** The head of the letter `id`. RecordError when it is damaged or another's. */
export function decodeHead(sealed: Uint8Array, id: string): StoredHead {
  return unseal(recordKind.letter, sealed, (read) => {
    checkPlace(read.string() === id);
    const head: LetterHead = {
      id,
      pipelineId: read.string(),
      stageId: read.string(),
      errorCode: read.string(),
      errorMessage: read.string(),
      attempts: readInteger(read),
      firstFailureMs: read.double(),
      lastFailureMs: read.double(),
      expiresAtMs: read.double(),
      lineage: read.double(),
    };
    const body: LetterBody = {
      generation: readInteger(read),
      parts: readInteger(read),
      bytes: readInteger(read),
    };
    const inline = read.bytes();
    if (body.parts === 0) joinParts(body, [inline]);
    return { head, body, inline };
  });
}

function checkPlace(right: boolean): void {
  if (!right) throw new RecordError("is another's value in its place");
}
