/**
 * Pulls one share of a source for as long as this node owns it: from the committed offset on, no more
 * under way than there is room for, each record acknowledged once it is settled. Where the stream
 * breaks, or a record could not be taken, the pull starts again from the committed offset: what is
 * under way joins its first copy, and what was settled since is acknowledged as a duplicate.
 */
import { within } from "../consensus/within.ts";
import { backoffMs, resolveRetryPolicy } from "../delivery/retry.ts";
import { asConveyorError, type ConveyorError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import { pullBackoffMs, pullBackoffMsMax, pullBeginMs } from "../limits.ts";
import { log } from "../log.ts";
import { systemRandom } from "../random.ts";
import type { Scheduler } from "../scheduler.ts";
import type { ChannelPool } from "../services/channel_pool.ts";
import { PullAttempt } from "./pull_attempt.ts";
import type { PullProgress } from "./pull_progress.ts";
import { followWatermarks } from "./pull_watermarks.ts";

/** What is pulled, and by whom. */
export interface PullTarget {
  readonly sourceId: string;
  /** Undefined: all partitions. */
  readonly partition: number | undefined;
  /** Where the source is dialled. */
  readonly url: string;
  /** As whom: the same for every node of a cluster, so that a takeover is the same consumer. */
  readonly consumerId: string;
  /** Records that may be sent and not acknowledged at one time. */
  readonly inFlightMax: number;
}

/** What pulls work with. */
export interface PullPorts {
  readonly intake: Pick<Flow, "openSource">;
  readonly channels: ChannelPool;
  readonly progress: PullProgress;
  readonly scheduler: Scheduler;
}

/** The pull of one share. */
export class SourcePull {
  readonly target: PullTarget;
  readonly #ports: PullPorts;
  readonly #policy = resolveRetryPolicy({
    initialBackoffMs: pullBackoffMs,
    maxBackoffMs: pullBackoffMsMax,
  });
  /** Aborts when nothing more is to be read. */
  readonly #leaving = new AbortController();
  /** Aborts when nothing more is to be done. */
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #current: PullAttempt | undefined;
  /** Why the last attempt failed; undefined when it went well. */
  #trouble: ConveyorError | undefined;
  #failures = 0;

  /** Pulls from now on. */
  constructor(target: PullTarget, ports: PullPorts) {
    this.target = target;
    this.#ports = ports;
    this.#running = this.#begin();
  }

  /** Why nothing comes; undefined while the pull goes well. */
  get trouble(): ConveyorError | undefined {
    return this.#current?.hasBrought ? undefined : this.#trouble;
  }

  /** Reads no more; resolves when what was read is settled and acknowledged. Idempotent. */
  leave(): Promise<void> {
    this.#leaving.abort();
    return this.#running;
  }

  /** Stops at once; what is under way goes on unacknowledged. Idempotent. */
  close(): Promise<void> {
    this.#leaving.abort();
    this.#closing.abort();
    return this.#running;
  }

  async #begin(): Promise<void> {
    const { signal } = this.#leaving;
    await this.#pause(pullBeginMs, signal);
    // Who pulls the first share asks for all.
    const asks = !this.target.partition;
    await Promise.all([
      this.#run(signal),
      asks && followWatermarks(this.target, this.#ports, signal),
    ]);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const settled = await this.#attempt();
      this.#failures = settled > 0 ? 1 : this.#failures + 1;
      const ms = backoffMs(this.#policy, this.#failures, systemRandom);
      if (!signal.aborted) await this.#pause(ms, signal);
    }
  }

  /** How many records it brought and settled. */
  async #attempt(): Promise<number> {
    const { signal: leaving } = this.#leaving;
    const { signal: closing } = this.#closing;
    try {
      this.#current = new PullAttempt(this.target, this.#ports, {
        leaving,
        closing,
      });
      await this.#current.run();
      this.#trouble = undefined;
    } catch (thrown) {
      if (this.#current?.settled) this.#trouble = undefined;
      if (!leaving.aborted) this.#failed(asConveyorError(thrown));
    }
    const attempt = this.#current;
    this.#current = undefined;
    attempt?.close();
    return attempt?.settled ?? 0;
  }

  #failed(error: ConveyorError): void {
    const { sourceId, partition, url } = this.target;
    // Once for each reason: a source may be away for days.
    if (error.message !== this.#trouble?.message) {
      log.warn("Cannot pull from a source for now", {
        source: sourceId,
        ...partition === undefined ? {} : { partition },
        url,
        reason: error.message,
      });
    }
    this.#trouble = error;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#ports.scheduler.after(ms, resolve);
    await within(promise, signal).catch(() => {});
    cancel();
  }
}
