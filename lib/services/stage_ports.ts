/** The calls that stages make of services, as methods of gRPC: bytes in, bytes out. */
import { codecOf } from "../../proto/codec.ts";
import type { SidecarDataPlaneMethods } from "../../proto/messages/sidecar.ts";
import type { LookupServiceMethods } from "../../proto/messages/lookup.ts";
import type {
  FlushRequest,
  FlushResponse,
  SinkServiceMethods,
} from "../../proto/messages/sink.ts";
import type { TransformServiceMethods } from "../../proto/messages/transform.ts";
import { schema } from "../../proto/schema.ts";
import { type Method, rawMethod, serviceOf } from "../../proto/service.ts";
import type {
  CallLimits,
  ServedKind,
  SinkPort,
  StagePorts,
} from "../delivery/ports.ts";

import { releaseBytes } from "../runtime/release_bytes.ts";

/** A method with its messages left as bytes. */
export type BytesMethod = Method<Uint8Array, Uint8Array, "unary">;

/** Calls one instance. */
export type CallBytes = (
  method: BytesMethod,
  request: Uint8Array,
  limits: CallLimits,
) => Promise<Uint8Array>;

/** One instance, as it is reached. */
export interface Reached {
  readonly call: CallBytes;
  /** How often it was connected to. */
  readonly incarnation: () => number;
  /** Of a sidecar, who sends to it. */
  readonly sender?: string;
}

const transform = serviceOf<TransformServiceMethods>(
  "conveyor.transform.TransformService",
).methods;
const sink = serviceOf<SinkServiceMethods>("conveyor.sink.SinkService").methods;
const lookup = serviceOf<LookupServiceMethods>(
  "conveyor.lookup.LookupService",
).methods;
const dataPlane = serviceOf<SidecarDataPlaneMethods>(
  "conveyor.sidecar.SidecarDataPlane",
).methods;

const processBatch = rawMethod(transform.processBatch);
const batchLookup = rawMethod(lookup.batchLookup);
const writeBatch = rawMethod(sink.writeBatch);
const receiveRecords = rawMethod(dataPlane.receiveRecords);
const flush = rawMethod(sink.flush);
const flushRequest = codecOf<FlushRequest>(
  schema.lookupType("conveyor.sink.FlushRequest"),
);
const flushResponse = codecOf<FlushResponse>(
  schema.lookupType("conveyor.sink.FlushResponse"),
);

/** The port of an instance that does the work of a stage of this kind. */
export function portOf(
  kind: ServedKind,
  reached: Reached,
): StagePorts[ServedKind] {
  const unary = (method: BytesMethod) => ({
    call: (request: Uint8Array, limits: CallLimits) =>
      callOnce(reached.call, method, request, limits),
  });
  switch (kind) {
    case "transform":
      return unary(processBatch);
    case "lookup":
      return unary(batchLookup);
    case "sink":
      return sinkPort(reached);
    case "relay":
      return { ...unary(receiveRecords), sender: reached.sender ?? "" };
    default:
      return kind satisfies never;
  }
}

/** Frees the request once it is answered; until then another attempt may need it. */
async function callOnce(
  call: CallBytes,
  method: BytesMethod,
  request: Uint8Array,
  limits: CallLimits,
): Promise<Uint8Array> {
  const answer = await call(method, request, limits);
  releaseBytes(request);
  return answer;
}

function sinkPort({ call, incarnation }: Reached): SinkPort {
  return {
    call: (request, limits) => callOnce(call, writeBatch, request, limits),
    flush: async (sinkId, limits) => {
      const request = flushRequest.encode({ sinkId, waitForCompletion: true });
      return flushResponse.decode(await call(flush, request, limits)).success;
    },
    get incarnation() {
      return incarnation();
    },
  };
}
