/**
 * A connection to one service instance: the Transport over gRPC. It lives as long as its owner; a
 * server that goes away and comes back is dialled again with growing pauses, and calls meanwhile
 * fail with Unavailable or wait by their retry policy.
 */
import { setTimeout as delay } from "node:timers/promises";
import {
  backoffMs,
  isTransient,
  resolveRetryPolicy,
} from "../lib/delivery/retry.ts";
import { Code, ConveyorError } from "../lib/errors.ts";
import { systemRandom } from "../lib/random.ts";
import { systemClock } from "../lib/clock.ts";
import { grpc } from "../lib/runtime/grpc.ts";
import { clientSessionsEnded } from "../lib/runtime/http2_session_guard.ts";
import { sessionEndTimeoutMs } from "../lib/limits.ts";
import { noticeRelease } from "../lib/runtime/release_notice.ts";
import { metadataToGrpc } from "../lib/runtime/status.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { Method } from "../proto/service.ts";
import { type Address, parseAddress } from "./address.ts";
import { type Attempt, callStream, callUnary, canceled } from "./call.ts";
import { requireCallOptions } from "./call_options.ts";
import {
  type ConnectOptions,
  resolveConnectOptions,
  type ResolvedConnectOptions,
} from "./channel_options.ts";
import { decodeAnswer } from "./decode_answer.ts";
import type { Answer, CallOptions, Transport } from "./transport.ts";

/** The Transport over one gRPC channel. */
export class Channel implements Transport {
  readonly #address: Address;
  readonly #options: ResolvedConnectOptions;
  readonly #client: grpc.Client;
  readonly #closed = new AbortController();
  #losses = 0;

  private constructor(address: Address, options: ResolvedConnectOptions) {
    this.#address = address;
    this.#options = options;
    this.#client = new grpc.Client(
      address.target,
      options.credentials,
      options.channel,
    );
    this.#watch();
  }

  /** How often a connection was lost: what the server held in memory only may be gone each time. */
  get losses(): number {
    return this.#losses;
  }

  /** Connects; rejects with Unavailable, and the reason, when nobody answers in time. */
  static async connect(
    url: string,
    options?: ConnectOptions,
  ): Promise<Channel> {
    const channel = await Channel.open(url, options);
    try {
      await channel.#ready();
    } catch (error) {
      await channel.close();
      throw error;
    }
    return channel;
  }

  /**
   * A channel that dials at its first call and does not wait: a call while nobody answers there fails
   * at once with the reason.
   */
  static async open(url: string, options?: ConnectOptions): Promise<Channel> {
    noticeRelease();
    const address = parseAddress(url);
    return new Channel(address, await resolveConnectOptions(address, options));
  }

  async unary<I, O>(
    method: Method<I, O, "unary">,
    request: MessageInit<I>,
    options: CallOptions = {},
  ): Promise<Answer<O>> {
    requireCallOptions(options);
    const bytes = this.#encode(method, request);
    const policy = options.retry
      ? resolveRetryPolicy(options.retry)
      : this.#options.retry;
    const deadlineMs = systemClock.monotonicMs() +
      (options.timeoutMs ?? this.#options.timeoutMs);
    for (let attempts = 1;; attempts++) {
      try {
        const attempt = this.#attempt(method.path, options, deadlineMs);
        const answer = await callUnary(this.#client, attempt, bytes);
        return { ...answer, message: decodeAnswer(method, answer.message) };
      } catch (error) {
        if (!(error instanceof ConveyorError) || !isTransient(error.code)) {
          throw error;
        }
        const pauseMs = backoffMs(policy, attempts, systemRandom);
        const leftMs = deadlineMs - systemClock.monotonicMs();
        if (attempts >= policy.maxAttempts || pauseMs >= leftMs) throw error;
        await this.#pause(method.path, pauseMs, options.signal);
      }
    }
  }

  async *stream<I, O>(
    method: Method<I, O>,
    requests: AsyncIterable<MessageInit<I>>,
    options: CallOptions = {},
  ): AsyncGenerator<O, void, void> {
    requireCallOptions(options);
    const deadlineMs = options.timeoutMs === undefined
      ? undefined
      : systemClock.monotonicMs() + options.timeoutMs;
    const attempt = this.#attempt(method.path, options, deadlineMs);
    const answers = callStream(
      this.#client,
      attempt,
      this.#encodeAll(method, requests),
    );
    for await (const answer of answers) yield decodeAnswer(method, answer);
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error("the client was closed"));
    this.#client.close();
    await clientSessionsEnded(sessionEndTimeoutMs);
  }

  #watch(): void {
    const channel = this.#client.getChannel();
    const state = channel.getConnectivityState(false);
    channel.watchConnectivityState(state, Infinity, () => {
      if (state === grpc.connectivityState.READY) this.#losses++;
      if (!this.#closed.signal.aborted) this.#watch();
    });
  }

  async #ready(): Promise<void> {
    const { connectTimeoutMs, signal } = this.#options;
    const deadline = new Date(systemClock.nowMs() + connectTimeoutMs);
    const connected = await new Promise<boolean>((resolve, reject) => {
      const onAbort = (): void => reject(this.#unreachable(signal?.reason));
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#client.waitForReady(deadline, (error) => {
        signal?.removeEventListener("abort", onAbort);
        resolve(error === undefined);
      });
    });
    if (connected) return;
    const reason = await this.#lastError();
    throw this.#unreachable(
      `no connection within ${connectTimeoutMs} ms${reason && `: ${reason}`}`,
    );
  }

  /** grpc-js tells why it cannot connect only to a call that fails for it, at once if it knows. */
  async #lastError(): Promise<string> {
    const state = this.#client.getChannel().getConnectivityState(false);
    if (state !== grpc.connectivityState.TRANSIENT_FAILURE) return "";
    const attempt = this.#attempt("/", {}, systemClock.monotonicMs() + 100);
    try {
      await callUnary(this.#client, attempt, new Uint8Array(0));
      return "";
    } catch (error) {
      return connectFailure((error as Error).message);
    }
  }

  #unreachable(reason: unknown): ConveyorError {
    const aborted = this.#options.signal?.aborted ?? false;
    return new ConveyorError(
      aborted ? Code.Canceled : Code.Unavailable,
      `Cannot connect to "${this.#address.url}": ${
        reason instanceof Error ? reason.message : String(reason)
      }`,
      { cause: reason },
    );
  }

  #attempt(
    path: string,
    options: CallOptions,
    deadlineMs: number | undefined,
  ): Attempt {
    const closed = this.#closed.signal;
    const signals = options.signal ? [options.signal, closed] : [closed];
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted) throw canceled(path, aborted);
    const leftMs = deadlineMs === undefined
      ? Infinity
      : Math.max(0, deadlineMs - systemClock.monotonicMs());
    return {
      path,
      signals,
      metadata: metadataToGrpc({
        ...this.#options.metadata,
        ...options.metadata,
      }),
      options: { deadline: systemClock.nowMs() + leftMs },
    };
  }

  #encode<I>(method: Method<I>, request: MessageInit<I>): Uint8Array {
    const bytes = method.request.encode(request);
    const max = this.#options.messageBytesMax;
    if (bytes.length <= max) return bytes;
    const description =
      `must be at most ${max} bytes when encoded, found ${bytes.length}`;
    throw new ConveyorError(
      Code.ResourceExhausted,
      `Cannot send the request of "${method.path}": it ${description}`,
      { details: [{ field: "request", description }] },
    );
  }

  async *#encodeAll<I>(
    method: Method<I>,
    requests: AsyncIterable<MessageInit<I>>,
  ): AsyncGenerator<Uint8Array, void, void> {
    for await (const request of requests) yield this.#encode(method, request);
  }

  async #pause(
    path: string,
    ms: number,
    signal = this.#closed.signal,
  ): Promise<void> {
    const either = AbortSignal.any([signal, this.#closed.signal]);
    try {
      await delay(ms, undefined, { signal: either });
    } catch {
      throw canceled(path, either);
    }
  }
}

/** The reason of a call for which no connection could be made. */
function connectFailure(text: string): string {
  const unresolved = /Name resolution failed.*/.exec(text);
  return unresolved?.[0] ?? /: no connection: (.*)$/s.exec(text)?.[1] ?? "";
}
