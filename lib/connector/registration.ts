/**
 * Keeps a connector registered with a router: registers, sends heartbeats, registers again when the
 * router has forgotten it, and says goodbye when the connector closes. One that another has replaced
 * under its id leaves it the place until that is gone. A router that is lost is left
 * for another one under the same registration. That all are away for a while does not end the
 * connector: who knows its address can go on calling it.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseAddress } from "../../clients/address.ts";
import type { ConnectOptions } from "../../clients/channel_options.ts";
import { RegistryClient } from "../../clients/registry_client.ts";
import { backoffMs, resolveRetryPolicy } from "../delivery/retry.ts";
import {
  asConveyorError,
  Code,
  ConveyorError,
  invalidArgument,
} from "../errors.ts";
import { leaseTtlMsMin } from "../limits.ts";
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
} from "../../proto/messages/registry.ts";
import type { MessageInit } from "../../proto/codec.ts";
import { systemRandom } from "../random.ts";

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
  /** Address of the router, or of several of its cluster: `http://`, `https://` or `unix:`. */
  readonly router: string | readonly string[];
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
  for (const router of routersOf(options)) {
    try {
      parseAddress(router);
    } catch {
      throw invalidArgument(
        "register.router",
        'must be "http://host:port", "https://host:port" or "unix:/path"',
        router,
      );
    }
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
  #registry: RegistryClient | undefined;
  #registrationId = "";
  /** Where the one is that took its id; empty: there is none. */
  #replacedBy = "";
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
    const registry = await RegistryClient.connect(router, connect);
    this.#registry = registry;
    await this.#register(registry);
    this.#beating = this.#keepAlive(registry);
  }

  /** Tells the router, when it can be told within `timeoutMs`, and ends the heartbeats. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort();
    await this.#beating;
    const registry = this.#registry;
    if (!registry) return;
    try {
      if (this.#registrationId !== "") {
        await this.#deregister(registry, timeoutMs);
      }
    } finally {
      await registry.close();
    }
  }

  async #register(registry: RegistryClient): Promise<void> {
    const { service, serviceType, metadata, useTls, heartbeatIntervalMs } =
      this.#options;
    const { registrationId } = await registry.register({
      identity: { ...service, serviceType },
      endpoint: { ...this.#endpoint, useTls: useTls ?? false },
      metadata,
      heartbeatInterval: durationOf(heartbeatIntervalMs),
    }, { signal: this.#closing.signal });
    this.#registrationId = registrationId;
  }

  async #deregister(
    registry: RegistryClient,
    timeoutMs: number,
  ): Promise<void> {
    try {
      await registry.deregister(
        this.#options.service.serviceId,
        this.#registrationId,
        {
          graceful: true,
          drainTimeoutMs: timeoutMs / 2,
          timeoutMs: Math.max(1, timeoutMs),
          // One attempt with each router, and one that another of them asked for.
          retry: { maxAttempts: routersOf(this.#options).length + 1 },
        },
      );
    } catch (error) {
      // The lease ends by itself: that the router is away, as when all end together, is no trouble.
      const { code } = asConveyorError(error);
      const isAway = code === Code.Unavailable ||
        code === Code.DeadlineExceeded;
      if (!isAway) this.#report("registration", error);
    }
  }

  /** Until closing: heartbeats while the router knows the connector, then registers again. */
  async #keepAlive(registry: RegistryClient): Promise<void> {
    const { signal } = this.#closing;
    const policy = resolveRetryPolicy();
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (this.#registrationId === "" && !await this.#isReplaced(registry)) {
          await this.#register(registry);
        }
        if (this.#registrationId !== "") {
          for await (const _ of this.#beat(registry)) failures = 0;
        }
      } catch (error) {
        failures++;
        if (!signal.aborted) this.#report("registration", error);
      }
      if (signal.aborted) return;
      const pauseMs = backoffMs(policy, Math.max(1, failures), systemRandom);
      await this.#pause(Math.min(pauseMs, this.#options.heartbeatIntervalMs));
    }
  }

  /** Whether another has the id and lives: the newer one wins, and two would take it from each other for ever. */
  async #isReplaced(registry: RegistryClient): Promise<boolean> {
    const { service: { serviceId, name } } = this.#options;
    const { signal } = this.#closing;
    const found = await registry.endpoints({ serviceName: name }, { signal });
    const holder = found.find((each) => each.serviceId === serviceId)?.endpoint;
    const { host, port } = this.#endpoint;
    const before = this.#replacedBy;
    this.#replacedBy = holder && (holder.host !== host || holder.port !== port)
      ? `${holder.host}:${holder.port}`
      : "";
    if (this.#replacedBy !== "" && this.#replacedBy !== before) {
      this.#report("registration", replaced(serviceId, this.#replacedBy));
    }
    return this.#replacedBy !== "";
  }

  /** Yields at each heartbeat that the router acknowledged; ends with the stream. */
  async *#beat(registry: RegistryClient): AsyncGenerator<void, void, void> {
    const silent = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, silent.signal]);
    const answers = registry.heartbeats(this.#heartbeats(), { signal });
    // A connection may be dead and look alive for longer than the lease lasts.
    const watch = () =>
      setTimeout(() => silent.abort(silence(this.#silenceMs)), this.#silenceMs);
    let first = true;
    let timer = watch();
    try {
      for await (const { acknowledged, commands } of answers) {
        clearTimeout(timer);
        if (!acknowledged) {
          this.#registrationId = "";
          return;
        }
        // What was asked for on another stream holds only if it is asked for on this one.
        if (first && !commands.some(({ drain }) => drain)) this.#serving(true);
        first = false;
        for (const command of commands) await this.#obey(command);
        yield;
        timer = watch();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** A router that does not answer for so long is left for another, while the lease still lasts. */
  get #silenceMs(): number {
    const { heartbeatIntervalMs } = this.#options;
    return Math.max(2 * heartbeatIntervalMs, leaseTtlMsMin);
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
      await this.#pause(this.#options.heartbeatIntervalMs);
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    await delay(ms, undefined, { signal }).catch(() => {});
  }
}

function silence(ms: number): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    `Cannot renew the lease: the router has not answered for ${ms} ms`,
  );
}

function replaced(serviceId: string, holder: string): ConveyorError {
  return new ConveyorError(
    Code.AlreadyExists,
    `Cannot go on as service "${serviceId}": ${holder} has registered under that id; this one registers again when that is gone`,
  );
}

function routersOf(
  { router }: Pick<RegisterOptions, "router">,
): readonly string[] {
  return typeof router === "string" ? [router] : router;
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
