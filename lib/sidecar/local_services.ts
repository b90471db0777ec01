/**
 * The services of a pod, and whether they work: those that are configured, and those that are found. One
 * that does not answer its health check twice in a row does not work; one that was found is forgotten
 * then, and found again when it is back, under whatever name.
 */
import { codecOf } from "../../proto/codec.ts";
import {
  type HealthCheckResponse,
  HealthCheckResponseServingStatus as ServingStatus,
  type HealthMethods,
} from "../../proto/messages/health.ts";
import { schema } from "../../proto/schema.ts";
import { rawMethod, serviceOf } from "../../proto/service.ts";
import { asConveyorError, Code } from "../errors.ts";
import {
  healthCheckTimeoutMs,
  healthFailuresMax,
  uselessPortLooksMax,
} from "../limits.ts";
import { log } from "../log.ts";
import type { ChannelPool } from "../services/channel_pool.ts";
import { discover, type DiscoveryRange } from "./discovery.ts";
import type { KnownService } from "./known_service.ts";

const check = rawMethod(
  serviceOf<HealthMethods>("grpc.health.v1.Health").methods.check,
);
const checkResponse = codecOf<HealthCheckResponse>(
  schema.lookupType("grpc.health.v1.HealthCheckResponse"),
);
/** An empty HealthCheckRequest: the server as a whole. */
const wholeServer = new Uint8Array(0);

/** The services of one pod. */
export class LocalServices {
  readonly #configured: readonly KnownService[];
  readonly #range: DiscoveryRange | undefined;
  readonly #pool: ChannelPool;
  /** Port of the sidecar itself. */
  readonly #ownPort: () => number;
  readonly #found: Map<number, readonly KnownService[]> = new Map();
  /** By port that was of no use, for how many looks it is left alone, and how many of them are left. */
  readonly #useless: Map<number, { readonly pause: number; left: number }> =
    new Map();
  /** Checks in a row that failed, by URL. */
  readonly #failures: Map<string, number> = new Map();

  constructor(
    configured: readonly KnownService[],
    range: DiscoveryRange | undefined,
    pool: ChannelPool,
    ownPort: () => number,
  ) {
    this.#configured = configured;
    this.#range = range;
    this.#pool = pool;
    this.#ownPort = ownPort;
  }

  /** All of them. */
  get list(): readonly KnownService[] {
    return [...this.#configured, ...[...this.#found.values()].flat()];
  }

  /** Whether the sink that goes by this name at this URL drops records that it has. */
  isExactlyOnce(name: string, url: string): boolean {
    return this.list.some((service) =>
      service.exactlyOnce && service.serviceName === name &&
      service.localEndpoint === url
    );
  }

  /** Whether a service works, as far as is known. */
  isHealthy({ localEndpoint }: KnownService): boolean {
    return (this.#failures.get(localEndpoint) ?? 0) < healthFailuresMax;
  }

  /** Looks at all of them, and for new ones; whether there are others than before. */
  async look(signal: AbortSignal): Promise<boolean> {
    const urls = new Set(this.list.map(({ localEndpoint }) => localEndpoint));
    await Promise.all([...urls].map((url) => this.#check(url, signal)));
    return await this.#rediscover();
  }

  async #check(url: string, signal: AbortSignal): Promise<void> {
    if (!url.includes("://") && !url.startsWith("unix:")) return;
    if (await this.#answersWell(url, signal)) this.#failures.delete(url);
    else this.#failures.set(url, (this.#failures.get(url) ?? 0) + 1);
  }

  async #answersWell(url: string, signal: AbortSignal): Promise<boolean> {
    try {
      const answer = await this.#pool.call(url, check, wholeServer, {
        signal,
        timeoutMs: healthCheckTimeoutMs,
      });
      const { status } = checkResponse.decode(answer);
      return status === ServingStatus.Serving;
    } catch (error) {
      // It answers, if only that it knows no health checks.
      const { code } = asConveyorError(error);
      return code === Code.Unimplemented || code === Code.NotFound;
    }
  }

  async #rediscover(): Promise<boolean> {
    if (this.#range === undefined) return false;
    let changed = false;
    for (const [port, services] of this.#found) {
      if (services.every((service) => this.isHealthy(service))) continue;
      this.#found.delete(port);
      for (const { localEndpoint } of services) {
        this.#failures.delete(localEndpoint);
      }
      log.info("Services of the pod are gone", { port });
      changed = true;
    }
    for (
      const [port, services] of await discover(this.#range, this.#skipped())
    ) {
      if (services.length === 0) this.#leaveAlone(port);
      else {
        this.#useless.delete(port);
        this.#found.set(port, services);
        const names = services.map(({ serviceName }) => serviceName).join();
        log.info("Services of the pod are found", { services: names, port });
        changed = true;
      }
    }
    return changed;
  }

  /** Ports that are not looked at this time. */
  #skipped(): ReadonlySet<number> {
    const skipped = new Set([this.#ownPort(), ...this.#found.keys()]);
    for (const [port, rest] of this.#useless) {
      if (rest.left-- > 0) skipped.add(port);
    }
    return skipped;
  }

  /** Who listens on the port is of no use, and not to be bothered time and again. */
  #leaveAlone(port: number): void {
    const pause = Math.min(
      2 * (this.#useless.get(port)?.pause ?? 0.5),
      uselessPortLooksMax,
    );
    this.#useless.set(port, { pause, left: pause });
  }
}
