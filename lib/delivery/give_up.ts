/**
 * Whether a record may be given up whose failures could be the service's fault. One bad release of a
 * service fails on every record: after a few records given up in a row, with nothing going well in
 * between, the next one is tried again and again instead, so that the source is not emptied into the
 * dead letters. After many tries it is given up as well: a record must not hold the others for ever.
 */
import { doubtfulTriesMax, givenUpInARowMax } from "../limits.ts";

/** The records of one stage that were given up in doubt. */
export class GiveUp {
  #inARow = 0;
  #tries = 0;

  /** Whether the service, not the records, is held to be at fault. */
  get doubtsService(): boolean {
    return this.#tries > 0;
  }

  /** The stage's service has done something well. */
  succeeded(): void {
    this.#inARow = this.#tries = 0;
  }

  /** A record has used up its attempts. Whether it is given up; if not it is to be tried again. */
  decide(): boolean {
    if (this.#inARow < givenUpInARowMax) {
      this.#inARow++;
      return true;
    }
    this.#tries++;
    if (this.#tries < doubtfulTriesMax) return false;
    this.#tries = 0;
    return true;
  }
}
