/**
 * The credits of one push stream: each lets one record be sent, and lapses when its grant does. The
 * time comes in as an argument, in milliseconds since 1970.
 */

interface Grant {
  left: number;
  readonly expiresAtMs: number;
}

/** What may still be sent. */
export class CreditPurse {
  #grants: Grant[] = [];

  /** Takes a grant; `expiresAtMs` of 0 never lapses. */
  add(credits: bigint, expiresAtMs: bigint): void {
    const left = Number(credits);
    if (left === 0) return;
    this.#grants.push({
      left,
      expiresAtMs: expiresAtMs === 0n ? Infinity : Number(expiresAtMs),
    });
    this.#grants.sort((a, b) => a.expiresAtMs - b.expiresAtMs);
  }

  /** Credits that have not lapsed. */
  available(nowMs: number): number {
    while (
      this.#grants[0] !== undefined && this.#grants[0].expiresAtMs <= nowMs
    ) {
      this.#grants.shift();
    }
    return this.#grants.reduce((sum, { left }) => sum + left, 0);
  }

  /** Spends credits, those first that lapse first. */
  spend(credits: number): void {
    let open = credits;
    while (open > 0 && this.#grants[0] !== undefined) {
      const grant = this.#grants[0];
      const spent = Math.min(open, grant.left);
      open -= spent;
      grant.left -= spent;
      if (grant.left === 0) this.#grants.shift();
    }
  }

  /** Forgets all: credits belong to the stream they came by. */
  clear(): void {
    this.#grants = [];
  }
}
