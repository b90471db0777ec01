/**
 * SourceService for those who pull: what a pipeline puts out at a sink stage whose records are pulled.
 * Batches go out, and acks come in, as bytes.
 */
import type { MessageInit } from "../../proto/codec.ts";
import { AckRequestView } from "../../proto/ack_request_view.ts";
import type {
  AckResponse,
  PullRequest,
  SourceServiceMethods,
  WatermarkResponse,
} from "../../proto/messages/source.ts";
import { rawCodec, type Service, serviceOf } from "../../proto/service.ts";
import { WireError } from "../../proto/wire.ts";
import { type CallMetadata, Code, ConveyorError } from "../errors.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { watermarksAtOnceMax } from "../limits.ts";
import { relayedKey } from "../metadata_keys.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";

/** Acks as they came. */
export interface ReceivedAcks {
  /** A serialized AckRequest. */
  readonly request: Uint8Array;
  /** What it says. Valid until something is waited for. */
  readonly acks: AckRequestView;
}

/** What there is to pull. `relayed` is whether another node asks, for a consumer that came to it. */
export interface PullSupplyPort {
  /** Serialized batches, for as long as the consumer stays. NotFound: there is no such source. */
  pull(
    request: PullRequest,
    relayed: boolean,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  /** How many records are settled by these acks. */
  acknowledge(
    received: ReceivedAcks,
    relayed: boolean,
    signal: AbortSignal,
  ): Promise<number>;
}

/** The methods for pulling, with records and acks left as bytes. */
interface PullMethods {
  readonly pullRecords: {
    readonly request: PullRequest;
    readonly response: Uint8Array;
    readonly kind: "server_stream";
  };
  readonly acknowledge: {
    readonly request: Uint8Array;
    readonly response: AckResponse;
    readonly kind: "unary";
  };
  readonly getWatermark: SourceServiceMethods["getWatermark"];
}

const { name, methods }: Service<SourceServiceMethods> = serviceOf(
  "conveyor.source.SourceService",
);

/** The part of SourceService that pulls. */
export const pullService: Service<PullMethods> = {
  name,
  methods: {
    pullRecords: { ...methods.pullRecords, response: rawCodec },
    acknowledge: { ...methods.acknowledge, request: rawCodec },
    getWatermark: methods.getWatermark,
  },
};

/** The handlers of a node. */
export class PullHandler implements Required<Handlers<PullMethods>> {
  readonly #supply: PullSupplyPort;
  readonly #replicated: Pick<ReplicatedState, "upToDate">;
  readonly #view: AckRequestView = new AckRequestView();

  constructor(
    supply: PullSupplyPort,
    replicated: Pick<ReplicatedState, "upToDate">,
  ) {
    this.#supply = supply;
    this.#replicated = replicated;
  }

  async *pullRecords(
    request: PullRequest,
    { signal, metadata }: CallContext,
  ): AsyncGenerator<Uint8Array, void, void> {
    requiredString("source_id", request.sourceId);
    requiredString("consumer_id", request.consumerId);
    yield* this.#supply.pull(request, isRelayed(metadata), signal);
  }

  async acknowledge(
    request: Uint8Array,
    { signal, metadata }: CallContext,
  ): Promise<MessageInit<AckResponse>> {
    const acks = readAcks(this.#view, request);
    requiredString("source_id", acks.sourceId);
    requiredString("consumer_id", acks.consumerId);
    const settled = await this.#supply.acknowledge(
      { request, acks },
      isRelayed(metadata),
      signal,
    );
    return { acknowledged: BigInt(settled) };
  }

  /** Of all sources; where these are very many, CheckpointService tells those of one. */
  async getWatermark(
    _request: object,
    { signal }: CallContext,
  ): Promise<MessageInit<WatermarkResponse>> {
    const { watermarks } = await this.#replicated.upToDate(signal);
    if (watermarks.size > watermarksAtOnceMax) {
      throw new ConveyorError(
        Code.ResourceExhausted,
        `Cannot tell all watermarks: there are ${watermarks.size}, and at most ${watermarksAtOnceMax} go in one answer; ask CheckpointService for those of one source`,
      );
    }
    return { watermarks: watermarks.all() };
  }
}

function isRelayed(metadata: CallMetadata): boolean {
  return metadata[relayedKey] !== undefined;
}

function readAcks(view: AckRequestView, request: Uint8Array): AckRequestView {
  try {
    return view.reset(request).addResponse();
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new ConveyorError(
      Code.InvalidArgument,
      `Cannot read an acknowledgement: ${cause.message}`,
      { cause, details: [{ field: "request", description: cause.message }] },
    );
  }
}
