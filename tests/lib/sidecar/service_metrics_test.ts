import { assertEquals } from "@std/assert";
import { numbers } from "../../../lib/metrics/exposition.ts";
import { serviceMetrics } from "../../../lib/sidecar/service_metrics.ts";
import { ServiceType } from "../../../proto/messages/sidecar.ts";

Deno.test("serviceMetrics() tells of each service whether it works and how much it is called", () => {
  const serviceOf = (serviceName: string) => ({
    serviceName,
    serviceType: ServiceType.Sink,
    localEndpoint: `http://${serviceName}:1`,
  });
  const metrics = numbers([() =>
    serviceMetrics({
      list: [serviceOf("a"), serviceOf("b")],
      isHealthy: ({ serviceName }) => serviceName === "a",
    }, { calls: 5, callsTo: (url) => url === "http://b:1" ? 3 : 0 })]);
  assertEquals(Object.fromEntries(metrics), {
    'conveyor_pod_service_healthy{service="a",url="http://a:1"}': 1,
    'conveyor_pod_service_healthy{service="b",url="http://b:1"}': 0,
    'conveyor_pod_service_calls{service="a",url="http://a:1"}': 0,
    'conveyor_pod_service_calls{service="b",url="http://b:1"}': 3,
    conveyor_calls: 5,
  });
});
