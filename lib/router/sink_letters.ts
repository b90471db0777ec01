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
import type {
  Letter,
  ServiceDirectory,
  ServiceInstance,
  ServiceSelection,
} from "../delivery/ports.ts";
import { blame } from "../delivery/retry.ts";
import { asConveyorError, Code, ConveyorError, quote } from "../errors.ts";
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
  /** By the name of the sink. */
  readonly #selections: Map<string, ServiceSelection> = new Map();

  constructor(services: ServiceDirectory) {
    this.#services = services;
  }

  async put(
    serviceName: string,
    letters: readonly Letter[],
    signal: AbortSignal,
  ): Promise<readonly Letter[]> {
    const left = letters.filter((letter) => !this.#taken.has(letter));
    if (left.length === 0) return [];
    try {
      return await this.#send(serviceName, left, signal);
    } catch (error) {
      const { code } = asConveyorError(error);
      if (blame(code) !== "record") throw error;
      if (left.length === 1) return left;
      // It does not say which one: the halves do in the end.
      const half = left.length >> 1;
      return [
        ...await this.put(serviceName, left.slice(0, half), signal),
        ...await this.put(serviceName, left.slice(half), signal),
      ];
    }
  }

  async #send(
    serviceName: string,
    letters: readonly Letter[],
    signal: AbortSignal,
  ): Promise<readonly Letter[]> {
    const { port } = this.#pick(serviceName);
    const request = writeRequest.encode({
      sinkId: serviceName,
      batch: { records: letters.map(withReason) },
      options: {
        requireAck: true,
        timeoutMs: attemptTimeoutMs,
        guarantee: DeliveryGuarantee.AtLeastOnce,
      },
    });
    const limits = { timeoutMs: attemptTimeoutMs, signal };
    const answer = writeResponse.decode(
      await port.call(request, { ...limits, records: letters.length }),
    );
    const { taken, refused, reason } = outcomesOf(letters, answer);
    if (
      answer.status === WriteStatus.Pending && taken.length > 0 &&
      !await port.flush(serviceName, { ...limits, records: 0 })
    ) throw refusal(serviceName, "it did not make durable what it was sent");
    for (const letter of taken) this.#taken.add(letter);
    const known = taken.length + refused.length;
    if (known === letters.length) return refused;
    throw refusal(
      serviceName,
      `it took ${taken.length} of ${letters.length}${reason && `: ${reason}`}`,
    );
  }

  #pick(serviceName: string): ServiceInstance<"sink"> {
    const sink = this.#services.pick({
      kind: "sink",
      pipelineId: "",
      stageId: serviceName,
      selector: this.#selectionOf(serviceName),
      pulled: false,
      keyHash: 0,
      leaveOut: () => false,
    });
    if (sink) return sink;
    throw refusal(serviceName, "no healthy instance of it is registered");
  }

  #selectionOf(serviceName: string): ServiceSelection {
    let selection = this.#selections.get(serviceName);
    if (selection === undefined) {
      selection = {
        serviceName,
        groupId: "",
        labels: new Map(),
        loadBalance: "round_robin",
      };
      this.#selections.set(serviceName, selection);
    }
    return selection;
  }
}

/** What the answer says of the letters; of those in neither list it says nothing that will do. */
function outcomesOf(
  letters: readonly Letter[],
  { status, results }: WriteBatchResponse,
): {
  readonly taken: readonly Letter[];
  /** Not taken, and never to be. */
  readonly refused: readonly Letter[];
  readonly reason: string;
} {
  if (results.length === 0) {
    const all = status === WriteStatus.Success ||
      status === WriteStatus.Pending;
    return { taken: all ? letters : [], refused: [], reason: "" };
  }
  const owed = Map.groupBy(
    letters,
    (letter) => keyOf(record.decode(letter.record).id),
  );
  const taken: Letter[] = [];
  const refused: Letter[] = [];
  let reason = "";
  for (const { recordId, success, retryable, error } of results) {
    const letter = owed.get(keyOf(recordId))?.shift();
    if (letter === undefined) continue;
    if (success) taken.push(letter);
    else if (!retryable) refused.push(letter);
    reason ||= error;
  }
  return { taken, refused, reason };
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
