/**
 * Opens the dead letters of a node: the file `letters.kv` in its data directory, beside the metadata
 * and under a lock of its own. All letters are read and checked, but for large records, which are
 * when somebody asks for them; what was being written or removed when the node stopped is cleared up.
 */
import { type Clock, systemClock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import {
  deadLetterAgeMs,
  deadLetterAgeMsMax,
  deadLetterBytesMax,
  deadLettersMax,
  pipelineLettersMax,
} from "../limits.ts";
import { integerOption, requiredString } from "../options.ts";
import { type Scheduler, systemScheduler } from "../scheduler.ts";
import {
  checkOwner,
  decodeIdentity,
  encodeIdentity,
  resolveIdentity,
  storeFormat,
} from "./identity.ts";
import type { Kv, KvEntry } from "./kv.ts";
import { KvDeadLetters } from "./kv_dead_letters.ts";
import { identityKey } from "./kv_keys.ts";
import { openKvFile } from "./kv_file.ts";
import { LetterIds } from "./letter_id.ts";
import { LetterIndex } from "./letter_index.ts";
import { damagedLetters } from "./letter_reader.ts";
import {
  decodeHead,
  decodeIntent,
  headsKey,
  intentRemoval,
  intentsKey,
  partRemovals,
} from "./letter_record.ts";
import type { LetterSinkPort } from "./letter.ts";
import { LetterWriter } from "./letter_writer.ts";
import { bytesOf, RecordError } from "./record.ts";
import type { StorageError } from "./storage_error.ts";
import type { NodeIdentity } from "./store.ts";

/** How dead letters are kept. */
export interface OpenKvDeadLettersOptions {
  /** The data directory; made when it is not there. */
  readonly directory: string;
  readonly identity: NodeIdentity;
  /** Takes the letters of pipelines that have them sent to a sink service. */
  readonly sinks: LetterSinkPort;
  /** Letters that the node keeps. @default 500000 */
  readonly lettersMax?: number;
  /** Bytes that they may take. @default 1 GiB */
  readonly bytesMax?: number;
  /** Letters of a pipeline that does not say. @default 100000 */
  readonly pipelineLettersMax?: number;
  /** How long letters are kept of a pipeline that does not say, in ms. @default 30 days */
  readonly ageMs?: number;
  /** @default the clock of the machine */
  readonly clock?: Clock;
  /** @default the event loop of the process */
  readonly scheduler?: Scheduler;
}

/** The letters in the directory. StorageError when they cannot be used; its message says what to do. */
export async function openKvDeadLetters(
  options: OpenKvDeadLettersOptions,
): Promise<KvDeadLetters> {
  const directory = requiredString("directory", options.directory);
  const identity = resolveIdentity(options.identity);
  const bounds = {
    lettersMax: integerOption(
      "lettersMax",
      options.lettersMax,
      deadLettersMax,
      1,
    ),
    bytesMax: integerOption(
      "bytesMax",
      options.bytesMax,
      deadLetterBytesMax,
      1,
    ),
    pipelineLettersMax: integerOption(
      "pipelineLettersMax",
      options.pipelineLettersMax,
      pipelineLettersMax,
      1,
    ),
  };
  const ageMs = integerOption(
    "ageMs",
    options.ageMs,
    deadLetterAgeMs,
    1,
    deadLetterAgeMsMax,
  );
  const place = `dead letters of data directory ${JSON.stringify(directory)}`;
  const kv = await openKvFile({
    directory,
    place,
    file: "letters.kv",
    lock: "letters.lock",
    corrupt: (what, cause) => lost(place, what, cause),
  });
  try {
    const found = await recover(kv, place, identity);
    return new KvDeadLetters({
      ...found,
      kv,
      place,
      nodeId: identity.nodeId,
      ids: new LetterIds(identity.nodeId, found.lastId),
      bounds,
      ageMs,
      sinks: options.sinks,
      clock: options.clock ?? systemClock,
      scheduler: options.scheduler ?? systemScheduler,
    });
  } catch (error) {
    kv.close();
    throw error;
  }
}

/** Parts that may be nobody's. */
interface Intent {
  readonly id: string;
  readonly generation: number;
  readonly parts: number;
}

/** What a KV holds. */
interface FoundLetters {
  readonly index: LetterIndex;
  readonly lastId: string | undefined;
  readonly generation: number;
}

async function recover(
  kv: Kv,
  place: string,
  identity: NodeIdentity,
): Promise<FoundLetters> {
  let at = "its identity";
  try {
    const isNew = await claim(kv, place, identity);
    const index = new LetterIndex();
    let lastId: string | undefined;
    let generation = 0;
    for await (const { key, value } of readAll(kv, headsKey)) {
      const [, id] = key;
      at = `dead letter ${String(id)}`;
      if (isNew) throw new RecordError("is there without an owner");
      const { head, body } = decodeHead(bytesOf(value), String(id));
      index.add(head, body);
      lastId = head.id;
      generation = Math.max(generation, body.generation);
    }
    const intents: Intent[] = [];
    for await (const { key, value } of readAll(kv, intentsKey)) {
      at = Deno.inspect(key);
      const [id, number] = [String(key[1]), Number(key[2])];
      const parts = decodeIntent(bytesOf(value), id, number);
      intents.push({ id, generation: number, parts });
      generation = Math.max(generation, number);
    }
    await clearUp(kv, index, intents);
    return { index, lastId, generation: generation + 1 };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    throw lost(place, `${at} ${error.message}`, error);
  }
}

/** Writes whose letters they are, or refuses those of another; whether they had no owner. */
async function claim(
  kv: Kv,
  place: string,
  identity: NodeIdentity,
): Promise<boolean> {
  let value: unknown;
  try {
    ({ value } = await kv.get(identityKey));
  } catch (error) {
    throw new RecordError(`cannot be read: ${messageOf(error)}`);
  }
  if (value !== null) {
    checkOwner(place, decodeIdentity(place, bytesOf(value)), identity);
    return false;
  }
  const owner = encodeIdentity({
    ...identity,
    format: storeFormat,
    incarnation: 1,
    storeId: "",
  });
  await new LetterWriter(kv).write([{ key: identityKey, value: owner }]);
  return true;
}

/** Removes the parts that belong to no letter. */
async function clearUp(
  kv: Kv,
  index: LetterIndex,
  intents: readonly Intent[],
): Promise<void> {
  const writer = new LetterWriter(kv);
  for (const intent of intents) {
    const { id, generation } = intent;
    const owned = index.get(id)?.body.generation === generation;
    await writer.write(
      owned ? [intentRemoval(id, generation)] : partRemovals(id, intent),
    );
  }
}

async function* readAll(
  kv: Kv,
  prefix: Deno.KvKey,
): AsyncGenerator<KvEntry, void, void> {
  try {
    yield* kv.list({ prefix }, { batchSize: 500 });
  } catch (error) {
    throw new RecordError(`cannot be read: ${messageOf(error)}`);
  }
}

function lost(place: string, what: string, cause?: unknown): StorageError {
  return damagedLetters(
    place,
    `${what}; move letters.kv away to start without the letters in it`,
    cause,
  );
}
