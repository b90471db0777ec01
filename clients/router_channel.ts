/**
 * A connection to a cluster of routers, of which any may take any call: the Transport over one channel
 * at a time. A router that cannot be reached is left for the next one, or for the one that it names as
 * the leader. Each call with one answer carries an id of its own, so that it may be repeated on another
 * router and is still carried out once.
 */
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../lib/clock.ts";
import {
  backoffMs,
  isTransient,
  resolveRetryPolicy,
} from "../lib/delivery/retry.ts";
import {
  asConveyorError,
  Code,
  ConveyorError,
  invalidArgument,
} from "../lib/errors.ts";
import {
  callTimeoutMs,
  routerAttempts,
  routerAttemptTimeoutMs,
  routersMax,
  routerStaggerMs,
} from "../lib/limits.ts";
import { leaderKey, newRequestId, requestIdKey } from "../lib/metadata_keys.ts";
import { systemRandom } from "../lib/random.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { Method } from "../proto/service.ts";
import { parseAddress } from "./address.ts";
import { canceled } from "./call.ts";
import { requireCallOptions } from "./call_options.ts";
import { Channel } from "./channel.ts";
import type { ConnectOptions } from "./channel_options.ts";
import type { Answer, CallOptions, Transport } from "./transport.ts";

/** The Transport over several routers. */
export class RouterChannel implements Transport {
  readonly #routers: readonly string[];
  readonly #options: ConnectOptions;
  /** By address; those that were named as leaders too. */
  readonly #channels: Map<string, Promise<Channel>> = new Map();
  readonly #closed = new AbortController();
  /** Where calls go. */
  #router: string;

  private constructor(routers: readonly string[], options: ConnectOptions) {
    this.#routers = routers;
    this.#router = routers[0]!;
    this.#options = options;
  }

  /**
   * Over `routers`, none of which need be there yet: calls are Unavailable until one is. `name` is what
   * errors call them.
   */
  static open(
    routers: string | readonly string[],
    options: ConnectOptions = {},
    name = "routers",
  ): RouterChannel {
    return new RouterChannel(checkedRouters(name, routers), options);
  }

  /**
   * Connects to the first of `routers` that answers: they are dialled in their order, one a moment
   * after the other. Rejects with Unavailable, and the reasons, when none answers in time.
   */
  static async connect(
    routers: string | readonly string[],
    options: ConnectOptions = {},
    name = "routers",
  ): Promise<RouterChannel> {
    const channel = RouterChannel.open(routers, options, name);
    const urls = channel.#routers;
    const over = new AbortController();
    const signal = AbortSignal.any([
      over.signal,
      ...options.signal ? [options.signal] : [],
    ]);
    const dialled = urls.map(async (url, at) => {
      if (at > 0) await delay(at * routerStaggerMs, undefined, { signal });
      return [url, await Channel.connect(url, { ...options, signal })] as const;
    });
    try {
      const [url, first] = await Promise.any(dialled);
      channel.#router = url;
      channel.#channels.set(url, Promise.resolve(first));
      return channel;
    } catch (error) {
      throw nobody(name, (error as AggregateError).errors);
    } finally {
      over.abort();
      for (const result of await Promise.allSettled(dialled)) {
        if (result.status === "rejected") continue;
        const [url, late] = result.value;
        if (url !== channel.#router) await late.close();
      }
    }
  }

  async unary<I, O>(
    method: Method<I, O, "unary">,
    request: MessageInit<I>,
    options: CallOptions = {},
  ): Promise<Answer<O>> {
    requireCallOptions(options);
    const { retry = this.#options.retry, timeoutMs } = options;
    const policy = resolveRetryPolicy(retry ?? { maxAttempts: routerAttempts });
    const totalMs = timeoutMs ?? this.#options.timeoutMs ?? callTimeoutMs;
    const deadlineMs = systemClock.monotonicMs() + totalMs;
    const metadata = { [requestIdKey]: newRequestId(), ...options.metadata };
    for (let attempts = 1;; attempts++) {
      const leftMs = Math.max(1, deadlineMs - systemClock.monotonicMs());
      const router = this.#router;
      try {
        const channel = await this.#to(router, method.path);
        return await channel.unary(method, request, {
          ...options,
          metadata,
          // A caller that says how long it waits may want to wait for one router.
          timeoutMs: timeoutMs === undefined
            ? Math.min(leftMs, routerAttemptTimeoutMs)
            : leftMs,
          retry: { maxAttempts: 1 },
        });
      } catch (thrown) {
        const error = asConveyorError(thrown);
        const moved = this.#leave(router, error);
        const pauseMs = moved && attempts <= this.#routers.length
          ? 0
          : backoffMs(policy, attempts, systemRandom);
        const endMs = systemClock.monotonicMs() + pauseMs;
        if (
          !isTransient(error.code) || attempts >= policy.maxAttempts ||
          endMs >= deadlineMs
        ) throw error;
        await this.#pause(method.path, pauseMs, options.signal);
      }
    }
  }

  /** A stream stays with one router; the next one goes to another when that was lost. */
  async *stream<I, O>(
    method: Method<I, O>,
    requests: AsyncIterable<MessageInit<I>>,
    options: CallOptions = {},
  ): AsyncGenerator<O, void, void> {
    requireCallOptions(options);
    const router = this.#router;
    const channel = await this.#to(router, method.path);
    try {
      yield* channel.stream(method, requests, options);
    } catch (thrown) {
      const error = asConveyorError(thrown);
      this.#leave(router, error);
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error("the client was closed"));
    const channels = await Promise.allSettled(this.#channels.values());
    for (const channel of channels) {
      if (channel.status === "fulfilled") await channel.value.close();
    }
  }

  #to(url: string, path: string): Promise<Channel> {
    const { signal } = this.#closed;
    if (signal.aborted) return Promise.reject(canceled(path, signal));
    let channel = this.#channels.get(url);
    if (channel === undefined) {
      channel = Channel.open(url, this.#options);
      this.#channels.set(url, channel);
    }
    return channel;
  }

  /** Goes on with another router when `error` speaks against this one; whether there is another. */
  #leave(router: string, { code, metadata }: ConveyorError): boolean {
    const gone = code === Code.Unavailable || code === Code.DeadlineExceeded;
    if (!gone || this.#router !== router) return false;
    const leader = this.#leaderIn(metadata[leaderKey]?.[0]);
    if (leader !== undefined && leader !== router) {
      this.#router = leader;
      return true;
    }
    const at = this.#routers.indexOf(router);
    this.#router = this.#routers[(at + 1) % this.#routers.length]!;
    return this.#router !== router;
  }

  /** The address in a leader's hint, `2 http://host:port`, unless it is not to be dialled. */
  #leaderIn(hint: string | Uint8Array | undefined): string | undefined {
    const url = typeof hint === "string" ? hint.split(" ")[1] : undefined;
    if (url === undefined) return undefined;
    const known = this.#channels.has(url) || this.#routers.includes(url);
    if (!known && this.#channels.size >= routersMax) return undefined;
    try {
      // What was to be encrypted is not sent in the clear because somebody says so.
      const { tls } = parseAddress(url);
      return tls === parseAddress(this.#routers[0]!).tls ? url : undefined;
    } catch {
      return undefined;
    }
  }

  async #pause(
    path: string,
    ms: number,
    signal: AbortSignal = this.#closed.signal,
  ): Promise<void> {
    const either = AbortSignal.any([signal, this.#closed.signal]);
    try {
      await delay(ms, undefined, { signal: either });
    } catch {
      throw canceled(path, either);
    }
  }
}

function checkedRouters(
  name: string,
  routers: string | readonly string[],
): readonly string[] {
  const urls = typeof routers === "string" ? [routers] : routers;
  if (!Array.isArray(urls) || urls.length === 0 || urls.length > routersMax) {
    throw invalidArgument(
      name,
      `must be an address, or 1 to ${routersMax} of them`,
      routers,
    );
  }
  for (const url of urls) parseAddress(url);
  return [...new Set(urls)];
}

/** The reasons as one; what is wrong with an address or an option is wrong whoever answers. */
function nobody(name: string, reasons: readonly unknown[]): ConveyorError {
  const known = reasons.map(asConveyorError);
  const fault = known.find(({ code }) => code !== Code.Unavailable);
  if (fault || known.length === 1) return fault ?? known[0]!;
  return new ConveyorError(
    Code.Unavailable,
    `Cannot connect to any of ${known.length} ${name}: ${
      known.map(({ message }) => message).join("; ")
    }`,
    { cause: known[0] },
  );
}
