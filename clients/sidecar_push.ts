/**
 * Pushes over `conveyor.sidecar.SidecarDataPlane`, as sidecars serve it, and routers to sources that know
 * no other. A record that was not taken now is owed on and sent again; credit comes by itself, and stays.
 */
import type { MessageInit } from "../proto/codec.ts";
import {
  AckStatus as PodAckStatus,
  type PushRecordsRequest,
  type PushRecordsResponse,
  type SidecarDataPlaneMethods,
} from "../proto/messages/sidecar.ts";
import { AckStatus } from "../proto/messages/source.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { PushBatch } from "./push_ledger.ts";
import type { PushAck, PushAnswer, PushWire } from "./push_wire.ts";
import type { Transport } from "./transport.ts";

const { methods }: Service<SidecarDataPlaneMethods> = serviceOf(
  "conveyor.sidecar.SidecarDataPlane",
);

/** The wire of a sidecar, for one source. */
export class SidecarPush implements PushWire {
  readonly #sourceId: string;
  readonly #pipelineId: string;

  /** An empty `pipelineId` means every pipeline that takes the source. */
  constructor(sourceId: string, pipelineId: string) {
    this.#sourceId = sourceId;
    this.#pipelineId = pipelineId;
  }

  async *open(
    transport: Transport,
    batches: AsyncIterable<PushBatch>,
    signal: AbortSignal,
  ): AsyncGenerator<PushAnswer, void, void> {
    const requests = this.#requestsOf(batches);
    const options = { signal };
    for await (
      const answer of transport.stream(methods.pushRecords, requests, options)
    ) yield answerIn(answer);
  }

  async *#requestsOf(
    batches: AsyncIterable<PushBatch>,
  ): AsyncGenerator<MessageInit<PushRecordsRequest>, void, void> {
    yield { init: { sourceId: this.#sourceId, pipelineId: this.#pipelineId } };
    for await (const batch of batches) yield { batch };
  }
}

function answerIn(
  { ack, backpressure, credits }: PushRecordsResponse,
): PushAnswer {
  if (ack) {
    const { batchId, recordAcks } = ack;
    return {
      kind: "acks",
      batchId,
      acks: recordAcks.map(({ recordId, status, error }) => ({
        recordId,
        status: statuses[status],
        errorMessage: error,
      })),
    };
  }
  if (credits) {
    return { kind: "credit", credits: credits.granted, expiresAtMs: 0n };
  }
  if (!backpressure) return undefined;
  const { pause, waitMs } = backpressure;
  return {
    kind: "pressure",
    pauseMs: waitMs > 0 ? waitMs : pause ? Infinity : 0,
    batchRecords: undefined,
  };
}

const statuses: Readonly<Record<PodAckStatus, PushAck["status"]>> = {
  [PodAckStatus.Unspecified]: AckStatus.Unspecified,
  [PodAckStatus.Success]: AckStatus.Accepted,
  [PodAckStatus.Failed]: AckStatus.Rejected,
  [PodAckStatus.Retry]: "again",
};
