/** The metrics of the services in a pod, in the names that a scraper sees. */
import type { LocalService } from "../../proto/messages/sidecar.ts";
import { type Metric, single } from "../metrics/sample.ts";

/** Who knows the services, and whether they work. */
export interface KnownServices {
  readonly list: readonly LocalService[];
  isHealthy(service: LocalService): boolean;
}

/** Who knows the calls under way. */
export interface KnownCalls {
  /** To services and to other sidecars. */
  readonly calls: number;
  callsTo(url: string): number;
}

/** All of them, as they are now. */
export function* serviceMetrics(
  services: KnownServices,
  table: KnownCalls,
): Generator<Metric, void, void> {
  const samples = (value: (service: LocalService) => number) =>
    services.list.map((service) => ({
      labels: { service: service.serviceName, url: service.localEndpoint },
      value: value(service),
    }));
  yield {
    name: "conveyor_pod_service_healthy",
    kind: "gauge",
    help: "Whether a service of the pod works: 1 or 0.",
    samples: samples((service) => services.isHealthy(service) ? 1 : 0),
  };
  yield {
    name: "conveyor_pod_service_calls",
    kind: "gauge",
    help: "Calls under way to a service of the pod.",
    samples: samples(({ localEndpoint }) => table.callsTo(localEndpoint)),
  };
  yield single(
    "conveyor_calls",
    "gauge",
    "Calls under way to services and to other sidecars.",
    table.calls,
  );
}
