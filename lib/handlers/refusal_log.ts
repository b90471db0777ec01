/**
 * Logs why peers are refused: once for each peer and reason, because a peer that is refused comes
 * again every second.
 */
import { Code, ConveyorError } from "../errors.ts";
import { refusalsRememberedMax } from "../limits.ts";
import { type Log, log } from "../log.ts";

/** Ends of streams that are nobody's fault. */
const ordinary: readonly Code[] = [
  Code.Canceled,
  Code.Aborted,
  Code.Unavailable,
];

/** What was logged of whom. */
export class RefusalLog {
  /** By peer: reasons without their numbers. */
  readonly #logged = new Map<string, Set<string>>();
  readonly #warn: Log["warn"];
  #count = 0;

  constructor(warn: Log["warn"] = log.warn) {
    this.#warn = warn;
  }

  /** Logs the reason if it is one, and gives the error back. */
  note(peer: string, error: unknown): unknown {
    if (!(error instanceof ConveyorError) || ordinary.includes(error.code)) {
      return error;
    }
    const reason = error.message.replace(/\d+/g, "");
    let reasons = this.#logged.get(peer);
    if (reasons?.has(reason)) return error;
    if (this.#count >= refusalsRememberedMax) this.#forgetOldest();
    reasons = this.#logged.get(peer);
    if (!reasons) this.#logged.set(peer, reasons = new Set());
    reasons.add(reason);
    this.#count++;
    this.#warn("Refused a peer", {
      peer,
      code: Code[error.code],
      reason: error.message,
    });
    return error;
  }

  /** The peer was let in: what it is refused for from now on is news. */
  forget(peer: string): void {
    this.#count -= this.#logged.get(peer)?.size ?? 0;
    this.#logged.delete(peer);
  }

  #forgetOldest(): void {
    const { value: oldest } = this.#logged.keys().next();
    if (oldest !== undefined) this.forget(oldest);
  }
}
