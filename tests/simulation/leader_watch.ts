/**
 * What a leader owes the others as long as it runs: it is never silent for long, whatever its disk does,
 * and when the one that should take over does not, it takes proposals again.
 */
import type { ConsensusSettings } from "../../lib/consensus/settings.ts";
import type { Status } from "../../lib/raft/types.ts";

/** Clocks run at four fifths at the slowest. */
const slowestClock = 0.8;
const heartbeatsMissedMax = 5;
/** Election timeouts that a transfer may take; after one it is given up. */
const transferTimeoutsMax = 2;

/** One node in one term at its head. */
interface Lead {
  readonly term: number;
  readonly sinceMs: number;
  readonly transferee: number;
  readonly transferSinceMs: number;
}

export class LeaderWatch {
  readonly #silentMsMax: number;
  readonly #transferMsMax: number;
  readonly #leads = new Map<number, Lead>();
  readonly #sentMs = new Map<number, number>();

  constructor({ tickMs, heartbeatTicks, electionTicks }: ConsensusSettings) {
    this.#silentMsMax = heartbeatsMissedMax * heartbeatTicks * tickMs /
      slowestClock;
    this.#transferMsMax = transferTimeoutsMax * electionTicks * tickMs /
      slowestClock;
  }

  /** A node hands messages to the network. */
  sent(node: number, nowMs: number): void {
    this.#sentMs.set(node, nowMs);
  }

  /** What is wrong with a node that runs without a pause since `runsSinceMs`. */
  observed(
    node: number,
    { role, term, leadTransferee }: Status,
    nowMs: number,
    runsSinceMs: number,
  ): string | undefined {
    if (role !== "leader") {
      this.#leads.delete(node);
      return undefined;
    }
    const before = this.#leads.get(node);
    const same = before?.term === term ? before : undefined;
    const transfers = same?.transferee === leadTransferee;
    const lead = same && transfers ? same : {
      term,
      sinceMs: same?.sinceMs ?? nowMs,
      transferee: leadTransferee,
      transferSinceMs: nowMs,
    };
    this.#leads.set(node, lead);
    const spoke = Math.max(
      this.#sentMs.get(node) ?? 0,
      lead.sinceMs,
      runsSinceMs,
    );
    if (nowMs - spoke > this.#silentMsMax) {
      return `node ${node} leads and is silent for ${
        Math.round(nowMs - spoke)
      } ms`;
    }
    const asked = Math.max(lead.transferSinceMs, runsSinceMs);
    return leadTransferee !== 0 && nowMs - asked > this.#transferMsMax
      ? `node ${node} waits for ${
        Math.round(nowMs - asked)
      } ms for node ${leadTransferee} to take the lead`
      : undefined;
  }
}
