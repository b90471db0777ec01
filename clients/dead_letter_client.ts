/** Looks after the records that a router could not process. */
import { requiredString } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLettersMethods,
  DeadLetterStats,
  ReplayResult,
} from "../proto/messages/dead_letters.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { onlyItem } from "./only_item.ts";
import { RouterChannel } from "./router_channel.ts";
import type { CallOptions, Transport } from "./transport.ts";

const { methods }: Service<DeadLettersMethods> = serviceOf(
  "conveyor.router.DeadLetters",
);

/** Which letters are listed. */
export interface ListLettersOptions extends CallOptions {
  /** Letters at most. @default all */
  readonly pageSize?: number;
  /** Only letters behind this id. @default from the first */
  readonly pageToken?: string;
}

/** How letters are sent through again. */
export interface ReplayOptions extends CallOptions {
  /** Whether to start at the pipeline's source rather than at the stage that failed. @default false */
  readonly fromSource?: boolean;
}

/**
 * A client of a router's dead letters. Every router keeps the letters of its own stages: in a cluster,
 * ask each. A replayed letter keeps its id and its history, and is gone only when it is settled.
 *
 * Every method rejects with a `ConveyorError`: `NotFound` for a letter that is not kept,
 * `InvalidArgument` for a replay or a discard without any selection, and the call's own status otherwise.
 *
 * @example Send through again what a service refused while it was broken
 * ```ts
 * import { DeadLetterClient, ReplayStatus } from "@conveyor/grpc";
 *
 * async function replay(router: string, stageId: string): Promise<number> {
 *   await using letters = await DeadLetterClient.connect(router);
 *   let settled = 0;
 *   for await (const { status } of letters.replay({ stageId })) {
 *     if (status === ReplayStatus.Settled) settled++;
 *   }
 *   return settled;
 * }
 * ```
 */
export class DeadLetterClient implements AsyncDisposable {
  readonly #transport: Transport;

  /** A client over a connection that exists already; `connect` makes one. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Connects to a router. Rejects with Unavailable when it does not answer in time. */
  static async connect(
    router: string,
    options?: ConnectOptions,
  ): Promise<DeadLetterClient> {
    return new DeadLetterClient(await RouterChannel.connect(router, options));
  }

  /**
   * The letters that `filter` selects, in the order in which they were kept. One that would be larger than
   * a message has only the id of its record, and `omittedBytes`; a replay sends it whole.
   */
  list(
    filter: MessageInit<DeadLetterFilter> = {},
    { pageSize = 0, pageToken = "", ...call }: ListLettersOptions = {},
  ): AsyncIterable<DeadLetter> {
    const request = onlyItem({ filter, pageSize, pageToken });
    return this.#transport.stream(methods.list, request, call);
  }

  /** One letter, with its record as it went into the stage that failed. */
  async get(deadLetterId: string, options?: CallOptions): Promise<DeadLetter> {
    const { message } = await this.#transport.unary(
      methods.get,
      { deadLetterId: requiredString("deadLetterId", deadLetterId) },
      options,
    );
    return message;
  }

  /**
   * Sends letters through again as fast as their stages take them, and tells of each what became of it.
   * Whoever stops reading stops the replay; letters that are under way end as they will.
   */
  replay(
    filter: MessageInit<DeadLetterFilter>,
    { fromSource = false, ...call }: ReplayOptions = {},
  ): AsyncIterable<ReplayResult> {
    const request = onlyItem({ filter, fromSource });
    return this.#transport.stream(methods.replay, request, call);
  }

  /** Removes letters for good; how many. Those that are being replayed are kept. */
  async discard(
    filter: MessageInit<DeadLetterFilter>,
    options?: CallOptions,
  ): Promise<bigint> {
    const { message } = await this.#transport.unary(
      methods.discard,
      { filter },
      options,
    );
    return message.discarded;
  }

  /** Has the router keep letters of stages that run elsewhere; resolves when all are kept. */
  async keep(
    letters: readonly MessageInit<DeadLetter>[],
    options?: CallOptions,
  ): Promise<void> {
    await this.#transport.unary(methods.keep, { letters }, options);
  }

  /** How many letters there are, by pipeline, stage and kind of failure. */
  async stats(
    filter: MessageInit<DeadLetterFilter> = {},
    options?: CallOptions,
  ): Promise<DeadLetterStats> {
    const { message } = await this.#transport.unary(
      methods.stats,
      { filter },
      options,
    );
    return message;
  }

  /** Ends the connection. Idempotent. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
