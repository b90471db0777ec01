/**
 * The dead letters of a sidecar are kept by the cluster: a pod has no disk that outlives it. A record is
 * settled once a router has its letter; until then its stage keeps it.
 */
import type { DeadLetterClient } from "../../clients/dead_letter_client.ts";
import { codecOf } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import { schema } from "../../proto/schema.ts";
import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import { LetterIds } from "../storage/letter_id.ts";
import type { DeadLetterPort, Letter } from "../delivery/ports.ts";
import { timestampOf } from "../handlers/wire_time.ts";

const record = codecOf<Record>(schema.lookupType("conveyor.common.Record"));

/** Keeps letters with the cluster. */
export class ClusterLetters implements DeadLetterPort {
  readonly #letters: Pick<DeadLetterClient, "keep">;
  readonly #clock: Clock;
  /** A letter that is put again has its id from before, so that it is kept once. */
  readonly #named: WeakMap<Letter, string> = new WeakMap();
  readonly #ids: LetterIds;

  constructor(
    letters: Pick<DeadLetterClient, "keep">,
    clock: Clock,
    random: Random,
  ) {
    this.#letters = letters;
    this.#clock = clock;
    // In place of a node's number, and larger than any.
    const sidecar = 2 ** 52 + Math.floor(random() * 2 ** 52);
    this.#ids = new LetterIds(sidecar, undefined);
  }

  /** The router knows the bounds of the pipeline. */
  async put(letters: readonly Letter[]): Promise<number> {
    await this.#letters.keep(letters.map((letter) => ({
      deadLetterId: this.#idOf(letter),
      record: record.decode(letter.record),
      pipelineId: letter.pipelineId,
      stageId: letter.stageId,
      errorCode: letter.errorCode,
      errorMessage: letter.errorMessage,
      attempts: letter.attempts,
      lineage: letter.lineage,
      firstFailure: timestampOf(letter.firstFailureMs),
      lastFailure: timestampOf(letter.lastFailureMs),
    })));
    return letters.length;
  }

  #idOf(letter: Letter): string {
    let id = this.#named.get(letter);
    if (id === undefined) {
      id = this.#ids.next(this.#clock.nowMs());
      this.#named.set(letter, id);
    }
    return id;
  }
}
