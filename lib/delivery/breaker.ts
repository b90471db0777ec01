/**
 * Keeps calls away from an instance that failed, with growing pauses; after each pause one call
 * probes it while the others still stay away.
 */
import type { Random } from "../random.ts";
import { backoffMs, type RetryPolicy } from "./retry.ts";

/** The breaker of one instance. */
export class Breaker {
  readonly #policy: Required<RetryPolicy>;
  #failures = 0;
  #openUntilMs = 0;
  #probing = false;

  /** Pauses are those of the policy; its attempts do not count. */
  constructor(policy: Required<RetryPolicy>) {
    this.#policy = policy;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether a call may be made now. */
  allows(nowMs: number): boolean {
    return this.#failures === 0 ||
      !this.#probing && nowMs >= this.#openUntilMs;
  }

  /** In how many ms a call may be made; Infinity: once the probe under way has ended. */
  waitMs(nowMs: number): number {
    if (this.#failures === 0) return 0;
    return this.#probing ? Infinity : Math.max(0, this.#openUntilMs - nowMs);
  }

  /** A call is made. */
  called(): void {
    if (this.#failures > 0) this.#probing = true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  /** A call failed, and it was the instance's fault. */
  failed(nowMs: number, random: Random): void {
    // Calls that were under way together fail together: that is one failure.
    if (!this.#probing && nowMs < this.#openUntilMs) return;
    this.#probing = false;
    this.#failures++;
    this.#openUntilMs = nowMs + backoffMs(this.#policy, this.#failures, random);
  }

  /** A call ended and says nothing of the instance. */
  ended(): void {
    this.#probing = false;
  }
}
