/**
 * DeadLetters: what this node could not process is listed, read, sent through again and discarded. Each
 * node has the letters of its own stages, and those that sidecars gave it to keep.
 */
import { type Codec, codecOf, type MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLettersMethods,
  GetDeadLetterRequest,
  ListDeadLettersRequest,
  ReplayDeadLettersRequest,
  ReplayResult,
} from "../../proto/messages/dead_letters.ts";
import type { Timestamp } from "../../proto/messages/google.ts";
import { schema } from "../../proto/schema.ts";
import { rawCodec, type Service, serviceOf } from "../../proto/service.ts";
import { systemClock } from "../clock.ts";
import type { Letter, LetterBounds } from "../delivery/ports.ts";
import { Code, ConveyorError, invalidArgument, quote } from "../errors.ts";
import {
  letterClockSkewMsMax,
  letterIdsMax,
  lettersAtOnceMax,
} from "../limits.ts";
import { integerOption, requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import type { KvDeadLetters } from "../storage/kv_dead_letters.ts";
import type { LetterFilter } from "../storage/letter.ts";
import { encodeLetter } from "./letter_message.ts";
import {
  LetterReplay,
  type LetterReplayParts,
  type ReplayedLetters,
} from "./letter_replay.ts";
import { namedAtMs } from "../storage/letter_id.ts";
import { KeptOnce } from "./kept_once.ts";
import { msOf, timestampOf } from "./wire_time.ts";

/** The methods, with letters that are sent left as bytes. */
interface ServedMethods extends Omit<DeadLettersMethods, "list" | "get"> {
  readonly list: {
    readonly request: ListDeadLettersRequest;
    readonly response: Uint8Array;
    readonly kind: "server_stream";
  };
  readonly get: {
    readonly request: GetDeadLetterRequest;
    readonly response: Uint8Array;
    readonly kind: "unary";
  };
}

const { name, methods }: Service<DeadLettersMethods> = serviceOf(
  "conveyor.router.DeadLetters",
);

/** DeadLetters, for the server to serve. */
export const deadLetterService: Service<ServedMethods> = {
  name,
  methods: {
    ...methods,
    list: { ...methods.list, response: rawCodec },
    get: { ...methods.get, response: rawCodec },
  },
};

/** What the handlers work on. */
export interface DeadLetterParts extends LetterReplayParts {
  readonly letters:
    & ReplayedLetters
    & Pick<KvDeadLetters, "discard" | "list" | "put" | "stats">;
  /** Where the letters of a pipeline go. */
  readonly boundsOf: (pipelineId: string) => LetterBounds;
  /** Largest message that the server sends. */
  readonly messageBytesMax: number;
}

type DeadLetterHandlers = Required<Handlers<ServedMethods>>;

const record: Codec<Record> = codecOf(
  schema.lookupType("conveyor.common.Record"),
);

/** The handlers of a node. */
export class DeadLetterHandler implements DeadLetterHandlers {
  readonly #parts: DeadLetterParts;
  readonly #once = new KeptOnce();

  constructor(parts: DeadLetterParts) {
    this.#parts = parts;
  }

  async *list(
    { filter, pageSize, pageToken }: ListDeadLettersRequest,
    { signal }: CallContext,
  ): AsyncGenerator<Uint8Array, void, void> {
    let sent = 0;
    const { letters, messageBytesMax } = this.#parts;
    for await (const letter of letters.list(filterOf(filter), pageToken)) {
      if (signal.aborted) return;
      yield encodeLetter(letter, messageBytesMax);
      if (++sent === pageSize) return;
    }
  }

  get: DeadLetterHandlers["get"] = async ({ deadLetterId }) => {
    requiredString("dead_letter_id", deadLetterId);
    const { letters, messageBytesMax } = this.#parts;
    const letter = await letters.get(deadLetterId);
    if (letter) return encodeLetter(letter, messageBytesMax);
    throw new ConveyorError(
      Code.NotFound,
      `Cannot get dead letter ${
        quote(deadLetterId)
      }: this node does not keep it`,
    );
  };

  replay(
    { filter, fromSource }: ReplayDeadLettersRequest,
    { signal }: CallContext,
  ): AsyncIterable<MessageInit<ReplayResult>> {
    const selected = selective("replay", filterOf(filter));
    return new LetterReplay(this.#parts, fromSource, signal).run(selected);
  }

  discard: DeadLetterHandlers["discard"] = async ({ filter }) => {
    const selected = selective("discard", filterOf(filter));
    return { discarded: BigInt(await this.#parts.letters.discard(selected)) };
  };

  stats: DeadLetterHandlers["stats"] = async ({ filter }) => {
    const { count, bytes, oldestMs, newestMs, counts } = await this.#parts
      .letters.stats(filterOf(filter));
    return {
      count: BigInt(count),
      bytes: BigInt(bytes),
      ...oldestMs === undefined ? {} : { oldest: timestampOf(oldestMs) },
      ...newestMs === undefined ? {} : { newest: timestampOf(newestMs) },
      counts: counts.map((each) => ({ ...each, count: BigInt(each.count) })),
    };
  };

  keep: DeadLetterHandlers["keep"] = async ({ letters }) => {
    if (letters.length > lettersAtOnceMax) {
      throw invalidArgument(
        "letters",
        `must be at most ${lettersAtOnceMax}`,
        letters.length,
      );
    }
    const kept = letters.map(letterOf);
    const pipelines = Map.groupBy(kept, ({ pipelineId }) => pipelineId);
    await this.#once.run(
      kept.flatMap(({ keptAs }) => keptAs ?? []),
      async () => {
        for (const [pipelineId, some] of pipelines) {
          const bounds = this.#parts.boundsOf(pipelineId);
          for (let kept = 0; kept < some.length;) {
            kept += await this.#parts.letters.put(some.slice(kept), bounds);
          }
        }
      },
    );
    return {};
  };
}

/** A letter of another process. InvalidArgument when it lacks what a replay needs. */
function letterOf(letter: DeadLetter): Letter {
  if (letter.record === undefined) {
    throw invalidArgument("letters.record", "must be given", undefined);
  }
  const { errorCode, errorMessage, attempts, firstFailure, lastFailure } =
    letter;
  const nowMs = systemClock.nowMs();
  return {
    record: record.encode(letter.record),
    pipelineId: requiredString("letters.pipeline_id", letter.pipelineId),
    stageId: requiredString("letters.stage_id", letter.stageId),
    lineage: integerOption("letters.lineage", letter.lineage, 0, 0),
    errorCode,
    errorMessage,
    attempts,
    firstFailureMs: msOf(firstFailure) ?? nowMs,
    lastFailureMs: msOf(lastFailure) ?? nowMs,
    replayOf: undefined,
    ...isNamed(letter.deadLetterId, nowMs)
      ? { keptAs: letter.deadLetterId }
      : {},
  };
}

/**
 * Whether another process has given its letter an id to be kept under. One of a time to come, by a clock
 * that is ahead, is not: all letters that follow would go before it.
 */
function isNamed(id: string, nowMs: number): boolean {
  if (id === "") return false;
  const atMs = namedAtMs(id);
  if (atMs !== undefined) return atMs <= nowMs + letterClockSkewMsMax;
  throw invalidArgument(
    "letters.dead_letter_id",
    "must be empty, or of the form of the ids that routers give",
    id,
  );
}

/** InvalidArgument for more ids than a filter may name. */
function filterOf(filter: DeadLetterFilter | undefined): LetterFilter {
  if (filter === undefined) return {};
  const { pipelineId, stageId, errorCode, deadLetterIds: ids } = filter;
  if (ids.length > letterIdsMax) {
    throw new ConveyorError(
      Code.InvalidArgument,
      `filter.dead_letter_ids must be at most ${letterIdsMax}, and are ${ids.length}`,
    );
  }
  return {
    ...pipelineId && { pipelineId },
    ...stageId && { stageId },
    ...errorCode && { errorCode },
    ...filter.failedFrom && { failedFromMs: timeOf(filter.failedFrom) },
    ...filter.failedBefore && { failedBeforeMs: timeOf(filter.failedBefore) },
    ...ids.length > 0 && { ids },
  };
}

/** ms since 1970. */
function timeOf(time: Timestamp): number {
  return msOf(time)!;
}

/** The filter; InvalidArgument when it selects everything, as one that was forgotten does. */
function selective(what: string, filter: LetterFilter): LetterFilter {
  if (Object.keys(filter).length > 0) return filter;
  throw new ConveyorError(
    Code.InvalidArgument,
    `Cannot ${what} dead letters: filter must say which, by at least one of its parts`,
  );
}
