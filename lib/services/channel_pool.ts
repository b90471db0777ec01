/**
 * Connections to service instances, one for each address, made when the first call needs it and kept
 * until the instance is gone. A connection that could not be made is tried anew by the next call.
 */
import { Channel } from "../../clients/channel.ts";
import type { ConnectOptions } from "../../clients/channel_options.ts";
import { optionsFor } from "../../clients/options_for.ts";
import type { Method } from "../../proto/service.ts";
import type { Endpoint } from "../../proto/messages/common.ts";
import { within } from "../consensus/within.ts";
import type { CallLimits } from "../delivery/ports.ts";
import { Code, ConveyorError } from "../errors.ts";
import { messageBytesMax } from "../limits.ts";
import { blamingTheLarge } from "../runtime/oversized.ts";

/** The connection to one address. */
interface Dialled {
  readonly channel: Promise<Channel>;
  /** Once there is one. */
  open: Channel | undefined;
  losses: number;
  incarnation: number;
}

/** The connections of one node. */
export class ChannelPool implements AsyncDisposable {
  readonly #options: ConnectOptions;
  readonly #dialled: Map<string, Dialled> = new Map();
  #incarnations = 0;
  #closed = false;

  /** `options` say how services are dialled. */
  constructor(options: ConnectOptions = {}) {
    this.#options = options;
  }

  /** Bytes of the largest message that is received. */
  get messageBytesMax(): number {
    return this.#options.messageBytesMax ?? messageBytesMax;
  }

  /**
   * Calls the service at `url` with bytes; rejects with its status, why it was not reached, or OutOfRange
   * for a message that is too large.
   */
  async call(
    url: string,
    method: Method<Uint8Array, Uint8Array, "unary">,
    request: Uint8Array,
    { signal, timeoutMs }: Pick<CallLimits, "signal" | "timeoutMs">,
  ): Promise<Uint8Array> {
    const channel = await this.#channel(url);
    try {
      const { message } = await channel.unary(method, request, {
        signal,
        ...timeoutMs === undefined ? {} : { timeoutMs },
      });
      return message;
    } catch (error) {
      throw blamingTheLarge(error);
    }
  }

  /** The answers of the service at `url`, in bytes, for as long as the call lasts. */
  async *stream(
    url: string,
    method: Method<Uint8Array, Uint8Array, "server_stream">,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    const channel = await within(this.#channel(url), signal);
    yield* channel.stream(method, once(request), { signal });
  }

  /**
   * A number that changes with each new connection to `url`, and is never the same again; without a
   * connection that of the one which a call would make now.
   */
  incarnation(url: string): number {
    const dialled = this.#dialled.get(url);
    if (dialled === undefined) return this.#incarnations + 1;
    const losses = dialled.open?.losses ?? 0;
    if (losses !== dialled.losses) {
      dialled.losses = losses;
      dialled.incarnation = ++this.#incarnations;
    }
    return dialled.incarnation;
  }

  /** Closes the connections to all addresses but these. */
  keepOnly(urls: ReadonlySet<string>): void {
    for (const [url, { channel }] of this.#dialled) {
      if (urls.has(url)) continue;
      this.#dialled.delete(url);
      channel.then((channel) => channel.close(), () => {});
    }
  }

  /** Closes all. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#dialled.values()];
    this.#dialled.clear();
    for (const { channel } of all) {
      await channel.then((channel) => channel.close(), () => {});
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #channel(url: string): Promise<Channel> {
    if (this.#closed) {
      return Promise.reject(
        new ConveyorError(Code.Unavailable, `Cannot call "${url}": closing`),
      );
    }
    return (this.#dialled.get(url) ?? this.#dial(url)).channel;
  }

  #dial(url: string): Dialled {
    const dialled: Dialled = {
      channel: Channel.connect(url, optionsFor(url, this.#options)),
      open: undefined,
      losses: 0,
      incarnation: ++this.#incarnations,
    };
    this.#dialled.set(url, dialled);
    dialled.channel.then((channel) => dialled.open = channel, () => {
      if (this.#dialled.get(url) === dialled) this.#dialled.delete(url);
    });
    return dialled;
  }
}

async function* once<T>(item: T): AsyncGenerator<T, void, void> {
  yield await Promise.resolve(item);
}

/** Where an endpoint is dialled. */
export function urlOf({ host, port, useTls }: Endpoint): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `${useTls ? "https" : "http"}://${name}:${port}`;
}
