/**
 * How many letters there may be: of one pipeline, of all, and their bytes. Room is taken before a
 * letter is written, so that many that are written at once do not pass a bound together.
 */
import { Code, ConveyorError, quote } from "../errors.ts";
import type { LetterIndex } from "./letter_index.ts";

/** The bounds of a store. */
export interface LetterRoomBounds {
  /** Letters of all pipelines. */
  readonly lettersMax: number;
  /** Bytes of all letters. */
  readonly bytesMax: number;
  /** Letters of a pipeline that does not say. */
  readonly pipelineLettersMax: number;
}

/** Why there is no room; undefined when it was taken. */
export type Refusal = ConveyorError | undefined;

/** Room in a store. */
export class LetterRoom {
  readonly #index: LetterIndex;
  readonly #bounds: LetterRoomBounds;
  /** Letters on their way to the disk. */
  #letters = 0;
  #bytes = 0;
  readonly #pipelines: Map<string, number> = new Map();

  constructor(index: LetterIndex, bounds: LetterRoomBounds) {
    this.#index = index;
    this.#bounds = bounds;
  }

  /** Takes room for one letter, `pipelineMax` being what its pipeline says. */
  take(
    pipelineId: string,
    bytes: number,
    pipelineMax: bigint | undefined,
  ): Refusal {
    const { lettersMax, bytesMax, pipelineLettersMax } = this.#bounds;
    const underWay = this.#pipelines.get(pipelineId) ?? 0;
    const most = Number(pipelineMax ?? pipelineLettersMax);
    if (this.#index.countOf(pipelineId) + underWay >= most) {
      return refusal(
        `pipeline ${quote(pipelineId)}`,
        `it has ${most}, which is its bound`,
      );
    }
    if (this.#index.count + this.#letters >= lettersMax) {
      return refusal("any pipeline", `there are ${lettersMax}, the bound`);
    }
    if (this.#index.bytes + this.#bytes + bytes > bytesMax) {
      const what = `its ${bytes} bytes would pass the bound of ${bytesMax}`;
      return refusal("any pipeline", what);
    }
    this.#letters++;
    this.#bytes += bytes;
    this.#pipelines.set(pipelineId, underWay + 1);
    return undefined;
  }

  /** Gives back what was taken: the letter is in the index now, or was not written. */
  give(pipelineId: string, bytes: number): void {
    this.#letters--;
    this.#bytes -= bytes;
    const left = this.#pipelines.get(pipelineId)! - 1;
    if (left > 0) this.#pipelines.set(pipelineId, left);
    else this.#pipelines.delete(pipelineId);
  }
}

function refusal(whose: string, reason: string): ConveyorError {
  return new ConveyorError(
    Code.ResourceExhausted,
    `Cannot keep one more dead letter of ${whose}: ${reason}; replay or discard some`,
  );
}
