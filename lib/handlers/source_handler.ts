/**
 * SourceRouter, and SourceService beside it: records are pushed here.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type {
  CreditRequest,
  CreditResponse,
  SourceRouterMethods,
  SourceServiceMethods,
} from "../../proto/messages/source.ts";
import { rawMethod, type Service, serviceOf } from "../../proto/service.ts";
import type { Flow } from "../flow/flow.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { batchIn } from "./batch_in.ts";
import { ackMessage, grantMessage, pressureMessage } from "./push_messages.ts";
import { PushStream, type PushWire } from "./push_stream.ts";

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
  readonly #caughtUp: () => Promise<void>;

  /** `caughtUp` resolves when this node knows of every pipeline and offset that others do. */
  constructor(intake: RecordIntakePort, caughtUp: () => Promise<void>) {
    this.#intake = intake;
    this.#caughtUp = caughtUp;
  }

  async *pushRecords(
    requests: AsyncIterable<Uint8Array>,
    { signal }: CallContext,
  ): AsyncGenerator<Uint8Array, void, void> {
    const stream = new PushStream(
      wire,
      (listener) => this.#intake.openSource(listener),
      requests,
      signal,
      this.#caughtUp,
    );
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

const wire: PushWire = {
  batchIn: (message) => batchIn(message, 0x0a, 0x12),
  acked: ackMessage,
  granted: grantMessage,
  pressed: pressureMessage,
};
