/**
 * The sources of a pod that its sidecar pulls from: those that have a URL, for as long as a pipeline that
 * runs here takes their records. Other pods have sources of their own: nobody else pulls from these.
 */
import { ServiceType } from "../../proto/messages/sidecar.ts";
import type { Metric } from "../metrics/sample.ts";
import { pullMetrics } from "../pull/pull_metrics.ts";
import { type PullPorts, SourcePull } from "../pull/source_pull.ts";
import type { KnownService } from "./known_service.ts";

/** What the pulls work with. */
export interface PodPullsParts extends PullPorts {
  readonly sidecarId: string;
  /** Services of the pod, as they are known now. */
  readonly services: () => readonly KnownService[];
  /** Names of the sources whose records some pipeline takes here. */
  readonly wanted: () => ReadonlySet<string>;
  /** Records that one source may have under way. */
  readonly inFlightMax: number;
}

/** The pulls of one sidecar. */
export class PodPulls {
  readonly #parts: PodPullsParts;
  /** By name and URL. */
  readonly #pulls: Map<string, SourcePull> = new Map();
  readonly #ending: Set<SourcePull> = new Set();
  #over = false;

  constructor(parts: PodPullsParts) {
    this.#parts = parts;
  }

  /** Begins and ends pulls as services and pipelines have come and gone. */
  look(): void {
    if (this.#over) return;
    const { services, wanted, sidecarId, inFlightMax } = this.#parts;
    const names = wanted();
    const sources = new Map(
      services().filter((service) =>
        isPulled(service) && names.has(service.serviceName)
      ).map((service) => [keyOf(service), service]),
    );
    for (const [key, pull] of this.#pulls) {
      if (!sources.has(key)) this.#end(key, pull);
    }
    for (const [key, { serviceName, localEndpoint }] of sources) {
      if (this.#pulls.has(key)) continue;
      const target = {
        sourceId: serviceName,
        partition: undefined,
        url: localEndpoint,
        consumerId: `conveyor-${sidecarId}`,
        inFlightMax,
      };
      this.#pulls.set(key, new SourcePull(target, this.#parts));
    }
  }

  metrics(): Iterable<Metric> {
    return pullMetrics([...this.#pulls.values()]);
  }

  /** Reads no more; resolves when all that was read is settled and acknowledged. */
  async leave(): Promise<void> {
    this.#over = true;
    for (const [key, pull] of this.#pulls) this.#end(key, pull);
    await Promise.all([...this.#ending].map((pull) => pull.leave()));
  }

  /** Stops at once. Idempotent. */
  async close(): Promise<void> {
    const left = this.leave();
    for (const pull of this.#ending) void pull.close();
    await left;
  }

  #end(key: string, pull: SourcePull): void {
    this.#pulls.delete(key);
    this.#ending.add(pull);
    pull.leave().then(() => this.#ending.delete(pull));
  }
}

/** A source without a URL pushes. */
function isPulled({ serviceType, localEndpoint }: KnownService): boolean {
  return serviceType === ServiceType.Source &&
    /:\/\/|^unix:/.test(localEndpoint);
}

function keyOf({ serviceName, localEndpoint }: KnownService): string {
  return `${localEndpoint} ${serviceName}`;
}
