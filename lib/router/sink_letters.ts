/**
 * Dead letters on their way to a sink service, where a pipeline names one in place of the store of the
 * node. Each goes as the record that failed, with what went wrong as attributes of it; the router keeps
 * nothing of it once the sink has it.
 */
import { codecOf } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import {
  DeliveryGuarantee,
  type WriteBatchRequest,
  type WriteBatchResponse,
  WriteStatus,
} from "../../proto/messages/sink.ts";
import { schema } from "../../proto/schema.ts";
import type { Letter, ServiceDirectory } from "../delivery/ports.ts";
import { Code, ConveyorError, quote } from "../errors.ts";
import { attemptTimeoutMs } from "../limits.ts";
import type { LetterSinkPort } from "../storage/letter.ts";

const record = codecOf<Record>(schema.lookupType("conveyor.common.Record"));
const writeRequest = codecOf<WriteBatchRequest>(
  schema.lookupType("conveyor.sink.WriteBatchRequest"),
);
const writeResponse = codecOf<WriteBatchResponse>(
  schema.lookupType("conveyor.sink.WriteBatchResponse"),
);

/** Sends letters to sink services. */
export class SinkLetters implements LetterSinkPort {
  readonly #services: ServiceDirectory;
  /** Letters that a sink took of a batch that it did not take whole. */
  readonly #taken: WeakSet<Letter> = new WeakSet();

  constructor(services: ServiceDirectory) {
    this.#services = services;
  }

  /** Rejects with why a letter was not taken: it is asked for again, with those that were left. */
  async put(
    serviceName: string,
    letters: readonly Letter[],
    signal: AbortSignal,
  ): Promise<void> {
    const sink = this.#services.pick({
      kind: "sink",
      pipelineId: "",
      stageId: serviceName,
      selector: {
        serviceName,
        groupId: "",
        labels: new Map(),
        loadBalance: "round_robin",
      },
      pulled: false,
      keyHash: 0,
      leaveOut: () => false,
    });
    if (sink === undefined) {
      throw refusal(serviceName, "no healthy instance of it is registered");
    }
    const left = letters.filter((letter) => !this.#taken.has(letter));
    const request = writeRequest.encode({
      sinkId: serviceName,
      batch: { records: left.map(withReason) },
      options: {
        requireAck: true,
        timeoutMs: attemptTimeoutMs,
        guarantee: DeliveryGuarantee.AtLeastOnce,
      },
    });
    const answer = writeResponse.decode(
      await sink.port.call(request, {
        timeoutMs: attemptTimeoutMs,
        records: left.length,
        signal,
      }),
    );
    this.#note(serviceName, left, answer);
    if (answer.status === WriteStatus.Pending) {
      const limits = { timeoutMs: attemptTimeoutMs, records: 0, signal };
      if (await sink.port.flush(serviceName, limits)) return;
      throw refusal(serviceName, "it did not make durable what it was sent");
    }
  }

  /** Notes those that the sink has, and throws when it does not have all. */
  #note(
    serviceName: string,
    letters: readonly Letter[],
    { status, results }: WriteBatchResponse,
  ): void {
    if (status === WriteStatus.Success || status === WriteStatus.Pending) {
      return;
    }
    const owed = new Map<string, Letter[]>();
    for (const letter of letters) {
      const key = keyOf(record.decode(letter.record).id);
      owed.set(key, [...owed.get(key) ?? [], letter]);
    }
    let error = "";
    let taken = 0;
    for (const result of results) {
      const letter = owed.get(keyOf(result.recordId))?.shift();
      if (letter === undefined) continue;
      if (result.success) {
        this.#taken.add(letter);
        taken++;
      } else error ||= result.error;
    }
    if (taken === letters.length) return;
    throw refusal(
      serviceName,
      `it took ${taken} of ${letters.length}${error && `: ${error}`}`,
    );
  }
}

/** The record, and what went wrong with it. */
function withReason(letter: Letter): Record {
  const decoded = record.decode(letter.record);
  return {
    ...decoded,
    metadata: {
      ...decoded.metadata,
      "conveyor/dead-letter-pipeline": letter.pipelineId,
      "conveyor/dead-letter-stage": letter.stageId,
      "conveyor/dead-letter-code": letter.errorCode,
      "conveyor/dead-letter-message": letter.errorMessage,
      "conveyor/dead-letter-attempts": `${letter.attempts}`,
    },
  };
}

function keyOf(id: Record["id"]): string {
  return JSON.stringify([
    id?.sourceId,
    id?.partition,
    `${id?.sequenceNumber}`,
  ]);
}

function refusal(serviceName: string, reason: string): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    `Cannot send dead letters to sink service ${quote(serviceName)}: ${reason}`,
  );
}
