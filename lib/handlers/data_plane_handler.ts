/**
 * SidecarDataPlane: sources of the pod push their records here, and other sidecars hand over those whose
 * next stage runs here. Either way a record is answered when every required sink has it, in whatever pod
 * that is. A record that is not taken is answered as to be sent again, never dropped.
 */
import { codecOf } from "../../proto/codec.ts";
import type {
  PushInit,
  PushRecordsRequest,
  ReceiveRecordsResponse,
  SidecarDataPlaneMethods,
} from "../../proto/messages/sidecar.ts";
import { schema } from "../../proto/schema.ts";
import { rawMethod, type Service, serviceOf } from "../../proto/service.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { batchIn, unreadable } from "./batch_in.ts";
import {
  handoverIn,
  pushAckMessage,
  pushCreditsMessage,
  pushPressureMessage,
  receivedMessage,
} from "./data_plane_messages.ts";
import { PushStream, type PushWire } from "./push_stream.ts";

/** What the handlers work on. */
export interface DataPlaneParts {
  readonly flow: Pick<Flow, "openSource" | "receive">;
  /** Finds out where the source stands, so that what is settled is not taken once more. */
  readonly expectSource: (
    sourceId: string,
    signal: AbortSignal,
  ) => Promise<void>;
}

/** The methods, with their messages left as bytes. */
interface DataPlaneMethods {
  readonly pushRecords: {
    readonly request: Uint8Array;
    readonly response: Uint8Array;
    readonly kind: "bidi";
  };
  readonly receiveRecords: {
    readonly request: Uint8Array;
    readonly response: Uint8Array;
    readonly kind: "unary";
  };
}

const service: Service<SidecarDataPlaneMethods> = serviceOf(
  "conveyor.sidecar.SidecarDataPlane",
);

/** SidecarDataPlane, for the server to serve. */
export const dataPlaneService: Service<DataPlaneMethods> = {
  name: service.name,
  methods: {
    pushRecords: rawMethod(service.methods.pushRecords),
    receiveRecords: rawMethod(service.methods.receiveRecords),
  },
};

const pushRequest = codecOf<PushRecordsRequest>(
  schema.lookupType("conveyor.sidecar.PushRecordsRequest"),
);
const receiveResponse = codecOf<ReceiveRecordsResponse>(
  schema.lookupType("conveyor.sidecar.ReceiveRecordsResponse"),
);
const initTag = 0x0a;
const batchTag = 0x12;
const heartbeatTag = 0x1a;

const wire: PushWire = {
  batchIn: (message) => {
    if (batchIn(message, initTag, batchTag, heartbeatTag) === undefined) {
      return batchIn(message, batchTag, heartbeatTag);
    }
    throw invalidArgument("init", "must be given once, in the first message", {
      init: "again",
    });
  },
  acked: pushAckMessage,
  granted: pushCreditsMessage,
  pressed: pushPressureMessage,
};

/** The handlers of a sidecar. */
export class DataPlaneHandler implements Required<Handlers<DataPlaneMethods>> {
  readonly #parts: DataPlaneParts;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
  }

  async *pushRecords(
    requests: AsyncIterable<Uint8Array>,
    { signal }: CallContext,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { flow, expectSource } = this.#parts;
    const messages = requests[Symbol.asyncIterator]();
    const first = await messages.next();
    if (first.done) return;
    const { sourceId, pipelineId } = initIn(first.value);
    await expectSource(sourceId, signal);
    const stream = new PushStream(
      wire,
      (listener) => flow.openSource(listener, { pipelineId }),
      { [Symbol.asyncIterator]: () => messages },
      signal,
    );
    try {
      yield* stream.answers;
    } finally {
      stream.close();
    }
  }

  receiveRecords(bytes: Uint8Array): Promise<Uint8Array> {
    const handover = handoverIn(bytes);
    requiredString("pipeline_id", handover.pipelineId);
    requiredString("stage_id", handover.stageId);
    return new Promise((resolve, reject) => {
      try {
        this.#parts.flow.receive(
          handover,
          (intake) => {
            if (intake !== undefined) resolve(receivedMessage(intake));
            else reject(stopping());
          },
        );
      } catch (error) {
        if (isRefusal(error)) resolve(refusedMessage(error));
        else reject(error);
      }
    });
  }
}

/** The opening of a stream. InvalidArgument when the message is another one. */
function initIn(message: Uint8Array): PushInit {
  let request: PushRecordsRequest;
  try {
    request = pushRequest.decode(message);
  } catch (error) {
    throw unreadable(error);
  }
  if (request.init === undefined) {
    throw invalidArgument(
      "init",
      "must be given in the first message of a stream",
      undefined,
    );
  }
  requiredString("init.source_id", request.init.sourceId);
  return request.init;
}

function stopping(): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    "Cannot tell what became of the records: the sidecar has stopped",
  );
}

/** Whether nothing is wrong with the records: there is no room or no place for them now. */
function isRefusal(error: unknown): error is ConveyorError {
  return error instanceof ConveyorError &&
    error.code !== Code.InvalidArgument;
}

/** None of the records was taken. */
function refusedMessage({ message }: ConveyorError): Uint8Array {
  return receiveResponse.encode({ success: false, error: message });
}
