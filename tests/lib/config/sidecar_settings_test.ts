import { assertEquals, assertRejects } from "@std/assert";
import { Configuration } from "../../../lib/config/configuration.ts";
import { readEnvironment } from "../../../lib/config/resolve_config.ts";
import {
  sidecarNeeds,
  sidecarSettings,
  toSidecarOptions,
} from "../../../lib/config/sidecar_settings.ts";
import { variableOf } from "../../../lib/config/setting.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import {
  resolveSidecarOptions,
  type SidecarOptions,
} from "../../../lib/sidecar/sidecar_options.ts";

/** What these variables of the environment mean. */
function configOf(variables: Record<string, string>): Configuration {
  const environment = readEnvironment(
    sidecarSettings,
    (name) => variables[name],
  );
  return new Configuration(sidecarSettings, [environment]);
}

function optionsOf(
  variables: Record<string, string>,
): Promise<SidecarOptions> {
  return toSidecarOptions(
    configOf(variables),
    (key) => Promise.reject(new Error(`nobody has set ${key}`)),
    () => "10.0.0.9",
  );
}

Deno.test("toSidecarOptions() reads the variables that pods set", async () => {
  const options = await optionsOf({
    SIDECAR_ID: "pod-7",
    POD_NAME: "orders-0",
    NAMESPACE: "shop",
    CLUSTER_ENDPOINT: "http://10.0.0.1:50051,10.0.0.2:50051",
    GRPC_PORT: "9095",
    HEARTBEAT_INTERVAL_SECS: "2",
    LOCAL_SERVICES: "shop=source,enrich=transform@localhost:50061",
  });
  const { services, ...resolved } = resolveSidecarOptions(options);
  assertEquals(
    [resolved.sidecarId, resolved.podName, resolved.namespace],
    ["pod-7", "orders-0", "shop"],
  );
  assertEquals(resolved.routers, [
    "http://10.0.0.1:50051",
    "http://10.0.0.2:50051",
  ]);
  assertEquals(resolved.grpcAddr, "0.0.0.0:9095");
  assertEquals(resolved.advertiseHost, "10.0.0.9");
  assertEquals(resolved.heartbeatIntervalMs, 2_000);
  assertEquals(
    services.map(({ serviceName, localEndpoint }) => [
      serviceName,
      localEndpoint,
    ]),
    [["shop", "push"], ["enrich", "http://localhost:50061"]],
  );
});

Deno.test("toSidecarOptions() names the sidecar like its pod, and takes port 9091, by default", async () => {
  const { sidecarId, grpcAddr } = await optionsOf({ POD_NAME: "orders-0" });
  assertEquals([sidecarId, grpcAddr], ["orders-0", "0.0.0.0:9091"]);
});

Deno.test("toSidecarOptions() names the variable that is missing or wrong", async () => {
  const wrong: [Record<string, string>, string][] = [
    [{}, "SIDECAR_ID"],
    [{ SIDECAR_ID: "a", GRPC_PORT: "x" }, "GRPC_PORT"],
    [{ SIDECAR_ID: "a", LOCAL_SERVICES: "enrich" }, "LOCAL_SERVICES"],
    [
      { SIDECAR_ID: "a", LOCAL_SERVICES: "enrich=door@x:1" },
      "services[0].type",
    ],
    [{ SIDECAR_ID: "a", LOCAL_SERVICES: "enrich=sink" }, "services[0].url"],
  ];
  for (const [variables, field] of wrong) {
    const { code, details } = await assertRejects(
      async () => resolveSidecarOptions(await optionsOf(variables)),
      ConveyorError,
    );
    assertEquals([code, details[0]?.field], [Code.InvalidArgument, field]);
  }
});

Deno.test("what the help of a sidecar tells as a default is the default", async () => {
  const variables = Object.fromEntries(
    sidecarSettings.flatMap((setting) =>
      setting.fallback === undefined
        ? []
        : [[variableOf(setting), String(setting.fallback)]]
    ),
  );
  const pod = { SIDECAR_ID: "a" };
  assertEquals(
    resolveSidecarOptions(await optionsOf({ ...variables, ...pod })),
    resolveSidecarOptions(await optionsOf(pod)),
  );
  const { grpcAddr, heartbeatIntervalMs, drainTimeoutMs, namespace } =
    resolveSidecarOptions({
      sidecarId: "a",
      routers: "http://a:1",
      advertiseHost: "a",
    });
  assertEquals(
    { grpcAddr, heartbeatIntervalMs, drainTimeoutMs, namespace },
    {
      grpcAddr: "0.0.0.0:9091",
      heartbeatIntervalMs: 5_000,
      drainTimeoutMs: 10_000,
      namespace: "default",
    },
  );
});

Deno.test("sidecarNeeds() are its address, the routers, its services, and this host when it looks for others", () => {
  assertEquals(
    sidecarNeeds(configOf({
      CLUSTER_ENDPOINT: "10.0.0.1:50051,https://router.local:443",
      LOCAL_SERVICES: "shop=source,enrich=transform@10.1.1.1:1,a=sink@unix:/a",
      DISCOVERY_START_PORT: "50062",
    })),
    {
      net: [
        "0.0.0.0:9091",
        "10.0.0.1:50051",
        "router.local",
        "10.1.1.1:1",
        "unix:/a",
        "127.0.0.1",
      ],
      read: ["/a"],
      write: ["/a"],
    },
  );
});
