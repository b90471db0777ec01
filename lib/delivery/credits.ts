/**
 * The credit of a source: one is one record. A grant lapses after a while, so that a source that has
 * gone does not keep room from the others; what is granted first is spent first.
 */
import { grantsKeptMax } from "../limits.ts";

interface Grant {
  left: number;
  untilMs: number;
}

/** The grants that are neither spent nor lapsed. */
export class Credits {
  readonly #grants: Grant[] = [];

  /** Records that may come now. */
  available(nowMs: number): number {
    this.#expire(nowMs);
    let available = 0;
    for (const { left } of this.#grants) available += left;
    return available;
  }

  /** Grants so many records until then. */
  grant(records: number, untilMs: number): void {
    if (records <= 0) return;
    if (this.#grants.length < grantsKeptMax) {
      this.#grants.push({ left: records, untilMs });
      return;
    }
    const last = this.#grants[this.#grants.length - 1]!;
    last.left += records;
    last.untilMs = Math.max(last.untilMs, untilMs);
  }

  /** Spends up to so many; returns how many there were. */
  spend(records: number, nowMs: number): number {
    this.#expire(nowMs);
    let spent = 0;
    while (spent < records && this.#grants.length > 0) {
      const grant = this.#grants[0]!;
      const taken = Math.min(grant.left, records - spent);
      spent += taken;
      grant.left -= taken;
      if (grant.left === 0) this.#grants.shift();
    }
    return spent;
  }

  #expire(nowMs: number): void {
    while (this.#grants.length > 0 && this.#grants[0]!.untilMs <= nowMs) {
      this.#grants.shift();
    }
  }
}

/** What a grant depends on. */
export interface GrantInputs {
  /** Records that the source may have under way and credit for, together. */
  readonly window: number;
  readonly underWay: number;
  readonly available: number;
  /** Records that the router could take from the source. */
  readonly room: number;
}

/** How many records to grant now: none, as long as it would be only a few more. */
export function grantNow(
  { window, underWay, available, room }: GrantInputs,
): number {
  const grantable = Math.min(window - underWay, room) - available;
  return grantable >= Math.max(1, window / 4) || available === 0
    ? Math.max(0, grantable)
    : 0;
}
