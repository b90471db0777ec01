/**
 * The dead letters of a sidecar are kept by the cluster: a pod has no disk that outlives it. A record is
 * settled once a router has its letter; until then its stage keeps it.
 */
import type { DeadLetterClient } from "../../clients/dead_letter_client.ts";
import { codecOf } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import { schema } from "../../proto/schema.ts";
import type { DeadLetterPort, Letter } from "../delivery/ports.ts";
import { timestampOf } from "../handlers/wire_time.ts";

const record = codecOf<Record>(schema.lookupType("conveyor.common.Record"));

/** Keeps letters with the cluster. */
export class ClusterLetters implements DeadLetterPort {
  readonly #letters: Pick<DeadLetterClient, "keep">;

  constructor(letters: Pick<DeadLetterClient, "keep">) {
    this.#letters = letters;
  }

  /** The router knows the bounds of the pipeline. */
  async put(letters: readonly Letter[]): Promise<void> {
    await this.#letters.keep(letters.map((letter) => ({
      record: record.decode(letter.record),
      pipelineId: letter.pipelineId,
      stageId: letter.stageId,
      errorCode: letter.errorCode,
      errorMessage: letter.errorMessage,
      attempts: letter.attempts,
      firstFailure: timestampOf(letter.firstFailureMs),
      lastFailure: timestampOf(letter.lastFailureMs),
    })));
  }
}
