/**
 * DeadLetters: what this node could not process is listed, read, sent through again and discarded. Each
 * node has the letters of its own stages.
 */
import { type Codec, codecOf, type MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLettersMethods,
  ListDeadLettersRequest,
  ReplayDeadLettersRequest,
  ReplayResult,
} from "../../proto/messages/dead_letters.ts";
import type { Timestamp } from "../../proto/messages/google.ts";
import { schema } from "../../proto/schema.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { Code, ConveyorError, quote } from "../errors.ts";
import { letterIdsMax } from "../limits.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import type { KvDeadLetters } from "../storage/kv_dead_letters.ts";
import type { KeptLetter, LetterFilter } from "../storage/letter.ts";
import {
  LetterReplay,
  type LetterReplayParts,
  type ReplayedLetters,
} from "./letter_replay.ts";
import { msOf, timestampOf } from "./wire_time.ts";

/** DeadLetters, for the server to serve. */
export const deadLetterService: Service<DeadLettersMethods> = serviceOf(
  "conveyor.router.DeadLetters",
);

/** What the handlers work on. */
export interface DeadLetterParts extends LetterReplayParts {
  readonly letters:
    & ReplayedLetters
    & Pick<KvDeadLetters, "discard" | "list" | "stats">;
}

type DeadLetterHandlers = Required<Handlers<DeadLettersMethods>>;

const record: Codec<Record> = codecOf(
  schema.lookupType("conveyor.common.Record"),
);

/** The handlers of a node. */
export class DeadLetterHandler implements DeadLetterHandlers {
  readonly #parts: DeadLetterParts;

  constructor(parts: DeadLetterParts) {
    this.#parts = parts;
  }

  async *list(
    { filter, pageSize, pageToken }: ListDeadLettersRequest,
    { signal }: CallContext,
  ): AsyncGenerator<MessageInit<DeadLetter>, void, void> {
    let sent = 0;
    const { letters } = this.#parts;
    for await (const letter of letters.list(filterOf(filter), pageToken)) {
      if (signal.aborted) return;
      yield messageOf(letter);
      if (++sent === pageSize) return;
    }
  }

  get: DeadLetterHandlers["get"] = async ({ deadLetterId }) => {
    requiredString("dead_letter_id", deadLetterId);
    const letter = await this.#parts.letters.get(deadLetterId);
    if (letter) return messageOf(letter);
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
}

function messageOf(letter: KeptLetter): MessageInit<DeadLetter> {
  const { id, record: bytes, nodeId, firstFailureMs, lastFailureMs } = letter;
  const { pipelineId, stageId, errorCode, errorMessage, attempts } = letter;
  return {
    deadLetterId: id,
    record: record.decode(bytes),
    pipelineId,
    stageId,
    errorCode,
    errorMessage,
    attempts,
    firstFailure: timestampOf(firstFailureMs),
    lastFailure: timestampOf(lastFailureMs),
    nodeId: BigInt(nodeId),
  };
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
