/**
 * SourceRouter, and SourceService beside it: records are pushed here. A message is taken as bytes: its
 * records are indexed and not decoded. A stream is read only while there is room for its records; one
 * that its source ends stays open until all of them are settled, so that no ack is lost by an early
 * goodbye.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type {
  CreditRequest,
  CreditResponse,
  SourceRouterMethods,
  SourceServiceMethods,
} from "../../proto/messages/source.ts";
import { rawMethod, type Service, serviceOf } from "../../proto/service.ts";
import { WireError, WireReader } from "../../proto/wire.ts";
import { Code, ConveyorError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import type { SourceListener, SourceSession } from "../flow/source_session.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { Outbox } from "./outbox.ts";
import { ackMessage, grantMessage, pressureMessage } from "./push_messages.ts";

/** What takes records. */
export type RecordIntakePort = Pick<Flow, "openSource" | "requestCredits">;

/** The methods for pushing, with the stream's messages left as bytes. */
interface PushMethods {
  readonly pushRecords: {
    readonly request: Uint8Array;
    readonly response: Uint8Array;
    readonly kind: "bidi";
  };
  readonly requestCredits: SourceRouterMethods["requestCredits"];
}

const router: Service<SourceRouterMethods> = serviceOf(
  "conveyor.source.SourceRouter",
);
const source: Service<SourceServiceMethods> = serviceOf(
  "conveyor.source.SourceService",
);

/** Both names under which records are pushed. */
export const pushServices: readonly Service<PushMethods>[] = [router, source]
  .map(({ name, methods }) => ({
    name,
    methods: {
      pushRecords: rawMethod(methods.pushRecords),
      requestCredits: methods.requestCredits,
    },
  }));

/** The handlers of a node. */
export class SourceHandler implements Required<Handlers<PushMethods>> {
  readonly #intake: RecordIntakePort;

  constructor(intake: RecordIntakePort) {
    this.#intake = intake;
  }

  async *pushRecords(
    requests: AsyncIterable<Uint8Array>,
    { signal }: CallContext,
  ): AsyncGenerator<Uint8Array, void, void> {
    const stream = new PushStream(this.#intake, requests, signal);
    try {
      yield* stream.answers;
    } finally {
      stream.close();
    }
  }

  requestCredits(
    { sourceId, requestedCredits }: CreditRequest,
  ): MessageInit<CreditResponse> {
    requiredString("source_id", sourceId);
    const { granted, available, expiresInMs, level } = this.#intake
      .requestCredits(sourceId, Number(requestedCredits));
    return {
      grantedCredits: BigInt(granted),
      totalAvailable: BigInt(available),
      expiresInMs: BigInt(Math.ceil(expiresInMs)),
      currentPressure: level,
    };
  }
}

/** One stream of a source, between its messages and its session. */
class PushStream implements SourceListener {
  readonly answers: Outbox = new Outbox();
  readonly #session: SourceSession;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.close();
  #closed = false;
  /** Whoever waits for room, or for the last ack. */
  #wake: () => void = () => {};

  constructor(
    intake: RecordIntakePort,
    requests: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ) {
    this.#session = intake.openSource(this);
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
    this.#read(requests).then(
      () => this.answers.end(),
      (error) => this.answers.end(error),
    );
  }

  acked: SourceListener["acked"] = (intake) => {
    this.answers.put(ackMessage(intake));
    if (this.#session.underWay === 0) this.#wake();
  };

  granted: SourceListener["granted"] = (records, untilMs) =>
    this.answers.put(grantMessage(records, untilMs));

  pressed: SourceListener["pressed"] = (level, pause) =>
    this.answers.put(pressureMessage(level, pause));

  readable: SourceListener["readable"] = () => this.#wake();

  /** The stream is gone; its records go on. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#session.close();
    this.answers.end();
    this.#wake();
  }

  /** Takes every message; an error of the stream is thrown once what was taken is settled. */
  async #read(requests: AsyncIterable<Uint8Array>): Promise<void> {
    const session = this.#session;
    try {
      for await (const message of requests) {
        const batch = batchIn(message);
        if (batch) session.accept(message, batch.start, batch.end);
        while (!this.#closed && !session.mayRead) await this.#woken();
      }
    } finally {
      while (!this.#closed && session.underWay > 0) await this.#woken();
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}

/** Where the batch in a serialized PushRequest is; undefined for a heartbeat. Malformed is InvalidArgument. */
function batchIn(
  message: Uint8Array,
): { readonly start: number; readonly end: number } | undefined {
  try {
    const reader = new WireReader(message);
    let batch: { start: number; end: number } | undefined;
    while (reader.pos < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) {
        const end = reader.delimited();
        batch = { start: reader.pos, end };
        reader.pos = end;
      } else {
        // Another message in the oneof takes the place of the batch.
        if (tag === 0x12) batch = undefined;
        reader.skip(tag & 7, tag >>> 3);
      }
    }
    return batch;
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new ConveyorError(
      Code.InvalidArgument,
      `Cannot read a pushed message: ${cause.message}`,
      { cause, details: [{ field: "request", description: cause.message }] },
    );
  }
}
