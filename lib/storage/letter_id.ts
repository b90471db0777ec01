/**
 * Names of dead letters: the time in ms and a number within it, in hex of equal length, and the node.
 * They sort by time as text, and rise even when the clock goes back, so that whoever pages through
 * letters never misses one that was there.
 */

const idPattern = /^([0-9a-f]{12})-([0-9a-f]{6})-(\d+)$/;
const perMsMax = 0xff_ffff;

/** When a letter with this id was named, in ms since the epoch; undefined: it is no such id. */
export function namedAtMs(id: string): number | undefined {
  const [, ms] = idPattern.exec(id) ?? [];
  return ms === undefined ? undefined : parseInt(ms, 16);
}

/** Makes the ids of one node, or of another process that names its letters itself. */
export class LetterIds {
  readonly #nodeId: number;
  #ms = 0;
  #number = 0;

  /** Ids will come after `last`, the highest that is known. */
  constructor(nodeId: number, last: string | undefined) {
    this.#nodeId = nodeId;
    const [, ms, number] = idPattern.exec(last ?? "") ?? [];
    if (ms === undefined || number === undefined) return;
    this.#ms = parseInt(ms, 16);
    this.#number = parseInt(number, 16);
  }

  next(nowMs: number): string {
    if (nowMs > this.#ms) {
      this.#ms = Math.floor(nowMs);
      this.#number = 0;
    } else if (++this.#number > perMsMax) {
      this.#ms++;
      this.#number = 0;
    }
    return `${hex(this.#ms, 12)}-${hex(this.#number, 6)}-${this.#nodeId}`;
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
