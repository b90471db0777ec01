/**
 * Keeps a connector registered with a router: registers, sends heartbeats, registers again when the
 * router has lost or forgotten it, and says goodbye when the connector closes. A router that is away
 * for a while does not end the connector: who knows its address can go on calling it.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseAddress } from "../../clients/address.ts";
import { Channel } from "../../clients/channel.ts";
import type { ConnectOptions } from "../../clients/channel_options.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import {
  integerOption,
  requiredFunction,
  requiredObject,
  requiredString,
  timeOption,
} from "../options.ts";
import {
  HealthStatus,
  type ServiceIdentity,
  ServiceType,
} from "../../proto/messages/common.ts";
import type {
  HeartbeatRequest,
  RouterCommand,
  ServiceMetadata,
  ServiceRegistryMethods,
} from "../../proto/messages/registry.ts";
import type { MessageInit } from "../../proto/codec.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
const registry: Service<ServiceRegistryMethods> = serviceOf(
  "conveyor.registry.ServiceRegistry",
);

/** What a router calls each kind of service. */
const serviceTypes: { readonly [name: string]: ServiceType } = {
  "conveyor.source.SourceService": ServiceType.Source,
  "conveyor.transform.TransformService": ServiceType.Transform,
  "conveyor.sink.SinkService": ServiceType.Sink,
  "conveyor.lookup.LookupService": ServiceType.Lookup,
};

/** Told of what goes wrong between heartbeats. */
type Report = (where: string, error: unknown) => void;

/** How a connector server registers with a router. */
export interface RegisterOptions {
  /** Address of the router: `http://`, `https://` or `unix:`. */
  readonly router: string;
  /** Who registers; `serviceId` and `name` are required. */
  readonly service: Omit<MessageInit<ServiceIdentity>, "serviceType"> & {
    readonly serviceId: string;
    readonly name: string;
  };
  /** What the router may choose by. @default {} */
  readonly metadata?: MessageInit<ServiceMetadata>;
  /** Host that the router dials. @default the host of `address`, unless it means every interface */
  readonly host?: string;
  /** Port that the router dials. @default the port that was bound */
  readonly port?: number;
  /** Whether the router dials with TLS. @default false */
  readonly useTls?: boolean;
  /** Time between heartbeats, in ms. @default 5000 */
  readonly heartbeatIntervalMs?: number;
  /** Options of the connection to the router. @default {} */
  readonly connect?: ConnectOptions;
  /**
   * Told what the router wants of the service: to drain or to resume, new settings, partitions to
   * give up or to take over. Commands come one at a time, in the router's order; a drain has made
   * health NOT_SERVING by then, and a resume SERVING again. What it throws goes to `onError`. The
   * signal aborts when the connector closes. @default only health follows
   */
  readonly onCommand?: (
    command: RouterCommand,
    signal: AbortSignal,
  ) => void | Promise<void>;
}

/** Registration options, checked. */
export interface ResolvedRegisterOptions extends RegisterOptions {
  readonly serviceType: ServiceType;
  readonly heartbeatIntervalMs: number;
}

/** Checks `options`, for the service of the full name `service`, and fills in the defaults. */
export function resolveRegisterOptions(
  options: RegisterOptions,
  service: string,
): ResolvedRegisterOptions {
  requiredObject("register", options);
  try {
    parseAddress(options.router);
  } catch {
    throw invalidArgument(
      "register.router",
      'must be "http://host:port", "https://host:port" or "unix:/path"',
      options.router,
    );
  }
  requiredString("register.service.serviceId", options.service?.serviceId);
  requiredString("register.service.name", options.service.name);
  integerOption("register.port", options.port, 0, 1, 65_535);
  if (options.onCommand !== undefined) {
    requiredFunction("register.onCommand", options.onCommand);
  }
  const heartbeatIntervalMs = timeOption(
    "register.heartbeatIntervalMs",
    options.heartbeatIntervalMs,
    5_000,
  );
  const serviceType = serviceTypes[service] ?? ServiceType.Unspecified;
  return { ...options, serviceType, heartbeatIntervalMs };
}

/** The registration of one connector. */
export class Registration {
  readonly #options: ResolvedRegisterOptions;
  readonly #endpoint: { readonly host: string; readonly port: number };
  readonly #serving: (serving: boolean) => void;
  readonly #report: Report;
  readonly #closing = new AbortController();
  #channel: Channel | undefined;
  #registrationId = "";
  #beating: Promise<void> = Promise.resolve();

  /**
   * `bound` is the address that the connector listens on; `serving` is told whether the router
   * wants it to take calls.
   */
  constructor(
    options: ResolvedRegisterOptions,
    bound: string,
    serving: (serving: boolean) => void,
    report: Report,
  ) {
    this.#options = options;
    this.#endpoint = endpointOf(options, bound);
    this.#serving = serving;
    this.#report = report;
  }

  /** Registers, then sends heartbeats; rejects when the router is away or refuses. */
  async start(): Promise<void> {
    const { router, connect } = this.#options;
    this.#channel = await Channel.connect(router, connect);
    await this.#register(this.#channel);
    this.#beating = this.#keepAlive(this.#channel);
  }

  /** Tells the router, when it can be told within `timeoutMs`, and ends the heartbeats. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort();
    await this.#beating;
    const channel = this.#channel;
    if (!channel) return;
    try {
      if (this.#registrationId !== "") {
        await this.#deregister(channel, timeoutMs);
      }
    } finally {
      await channel.close();
    }
  }

  async #register(channel: Channel): Promise<void> {
    const { service, serviceType, metadata, useTls, heartbeatIntervalMs } =
      this.#options;
    const { message } = await channel.unary(registry.methods.register, {
      identity: { ...service, serviceType },
      endpoint: { ...this.#endpoint, useTls: useTls ?? false },
      metadata,
      heartbeatInterval: durationOf(heartbeatIntervalMs),
    }, { signal: this.#closing.signal });
    if (!message.success) {
      throw new ConveyorError(
        Code.FailedPrecondition,
        `Cannot register "${service.serviceId}": the router refused it`,
      );
    }
    this.#registrationId = message.registrationId;
    // A drain was asked of the registration before.
    this.#serving(true);
  }

  async #deregister(channel: Channel, timeoutMs: number): Promise<void> {
    try {
      await channel.unary(registry.methods.deregister, {
        serviceId: this.#options.service.serviceId,
        registrationId: this.#registrationId,
        graceful: true,
      }, { timeoutMs });
    } catch (error) {
      // The lease ends by itself; the router's absence must not keep the connector up.
      this.#report("registration", error);
    }
  }

  /** Until closing: heartbeats while the router knows the connector, then registers again. */
  async #keepAlive(channel: Channel): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        if (this.#registrationId === "") await this.#register(channel);
        await this.#beat(channel);
      } catch (error) {
        if (!signal.aborted) this.#report("registration", error);
      }
      if (signal.aborted) return;
      this.#registrationId = "";
      await this.#pause();
    }
  }

  /** Returns when the router ends the stream or no longer acknowledges. */
  async #beat(channel: Channel): Promise<void> {
    const { signal } = this.#closing;
    const answers = channel.stream(
      registry.methods.heartbeat,
      this.#heartbeats(),
      { signal },
    );
    for await (const { acknowledged, commands } of answers) {
      if (!acknowledged) return;
      for (const command of commands) await this.#obey(command);
    }
  }

  async #obey(command: RouterCommand): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    if (command.drain) this.#serving(false);
    if (command.resume) this.#serving(true);
    const closed = Promise.withResolvers<void>();
    const onAbort = (): void => closed.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      // A function that looks at no signal must not keep the connector from closing.
      const done = this.#options.onCommand?.(command, signal);
      await Promise.race([done, closed.promise]);
    } catch (error) {
      this.#report("registration", error);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async *#heartbeats(): AsyncGenerator<MessageInit<HeartbeatRequest>> {
    while (!this.#closing.signal.aborted) {
      yield {
        serviceId: this.#options.service.serviceId,
        registrationId: this.#registrationId,
        health: { status: HealthStatus.Healthy },
      };
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    const { signal } = this.#closing;
    await delay(this.#options.heartbeatIntervalMs, undefined, { signal })
      .catch(() => {});
  }
}

function endpointOf(
  options: RegisterOptions,
  bound: string,
): { readonly host: string; readonly port: number } {
  const colon = bound.lastIndexOf(":");
  const host = options.host ?? bound.slice(0, colon).replace(/^\[|\]$/g, "");
  if (["", "0.0.0.0", "::", "unix"].includes(host)) {
    throw invalidArgument(
      "register.host",
      `must be a host that the router can dial when "address" is "${bound}"`,
      options.host,
    );
  }
  return { host, port: options.port ?? Number(bound.slice(colon + 1)) };
}

function durationOf(ms: number): { seconds: bigint; nanos: number } {
  return {
    seconds: BigInt(Math.floor(ms / 1_000)),
    nanos: Math.round((ms % 1_000) * 1e6),
  };
}
