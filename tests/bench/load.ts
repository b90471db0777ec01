/**
 * Clients that each have one call under way, one after another, over a connection to each node. What
 * fails is tried at the next node; how long each call took, and when it was answered, is kept.
 */
import { Channel } from "../../clients/channel.ts";
import { ConveyorError } from "../../lib/errors.ts";
import type { Request } from "./cluster_target.ts";

/** How long a call may take before it is tried elsewhere. */
const attemptMs = 1_000;
const pauseMs = 5;

/** An answered call; times are those of `performance.now`. */
export interface Answered {
  readonly beganMs: number;
  readonly answeredMs: number;
}

/** Some clients. */
export class Load implements AsyncDisposable {
  readonly #channels: readonly Channel[];
  readonly #stopped = new AbortController();
  readonly answered: Answered[] = [];
  /** Calls that failed and were tried again. */
  failures = 0;

  private constructor(channels: readonly Channel[]) {
    this.#channels = channels;
  }

  /** Clients of the nodes at `urls`. */
  static async open(urls: readonly string[]): Promise<Load> {
    return new Load(
      await Promise.all(
        urls.map((url) => Channel.open(url, { reconnectBackoffMs: 20 })),
      ),
    );
  }

  /** Runs `clients` of them until `stop`. */
  async run(
    clients: number,
    next: (client: number) => Request,
  ): Promise<void> {
    await Promise.all(
      Array.from(
        { length: clients },
        (_, client) => this.#client(client, next),
      ),
    );
  }

  /** Lets every client end the call that it has under way. */
  stop(): void {
    this.#stopped.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await Promise.all(this.#channels.map((channel) => channel.close()));
  }

  async #client(
    client: number,
    next: (client: number) => Request,
  ): Promise<void> {
    const { signal } = this.#stopped;
    let at = client;
    while (!signal.aborted) {
      const { method, bytes } = next(client);
      const beganMs = performance.now();
      for (;;) {
        const channel = this.#channels[at % this.#channels.length]!;
        try {
          await channel.unary(method, bytes, { timeoutMs: attemptMs });
          break;
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof ConveyorError)) throw error;
          this.failures++;
          at++;
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
      this.answered.push({ beganMs, answeredMs: performance.now() });
    }
  }
}

/** The value below which that part of the ascending `sorted` is. */
export function percentile(sorted: readonly number[], part: number): number {
  if (sorted.length === 0) return NaN;
  const at = Math.min(sorted.length - 1, Math.floor(part * sorted.length));
  return sorted[at]!;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
