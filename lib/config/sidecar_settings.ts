/**
 * What an operator may set of a sidecar, in one table: from it come the flags, the variables, the keys of
 * the file, and the help. The variables without a prefix are those that pods of sidecars set already.
 */
import { hostForm, httpOrOff, type TextForm } from "../address_forms.ts";
import { invalidArgument } from "../errors.ts";
import { drainTimeoutMs, serviceHeartbeatMs, timeoutMsMax } from "../limits.ts";
import type { PodService, SidecarOptions } from "../sidecar/sidecar_options.ts";
import type { Configuration } from "./configuration.ts";
import { given } from "./given.ts";
import { logSettings } from "./log_settings.ts";
import { joinNeeds, type Needs, needsOfAddress } from "../permissions.ts";
import { tlsOf, tlsSettings } from "./tls_settings.ts";
import type { Setting } from "./setting.ts";

const service = /^([^=]+)=([a-z]+)(\+exactly_once)?(?:@(.+))?$/;
const serviceForm: TextForm = {
  rule: 'must be "name=type@url", or "name=source",',
  fits: (part) => service.test(part),
};
const port = { kind: "integer", min: 1, max: 65_535 } as const;

/** Every setting of a sidecar. */
export const sidecarSettings: readonly Setting[] = [
  {
    key: "sidecar.id",
    flag: "sidecar-id",
    variable: "SIDECAR_ID",
    option: "sidecarId",
    rule: { kind: "text" },
    help: "name of the sidecar, unique in the cluster (default: the pod's)",
  },
  {
    key: "sidecar.pod_name",
    flag: "pod-name",
    variable: "POD_NAME",
    option: "podName",
    rule: { kind: "text" },
    help: "pod that it runs in (default: its id)",
  },
  {
    key: "sidecar.namespace",
    flag: "namespace",
    variable: "NAMESPACE",
    option: "namespace",
    rule: { kind: "text" },
    fallback: "default",
    help: "namespace of the pod",
  },
  {
    key: "sidecar.pod_ip",
    flag: "pod-ip",
    variable: "POD_IP",
    option: "advertiseHost",
    rule: { kind: "text" },
    help: "host at which other sidecars reach it (default: the first address)",
  },
  {
    key: "cluster.endpoint",
    flag: "cluster-endpoint",
    variable: "CLUSTER_ENDPOINT",
    option: "routers",
    rule: { kind: "list" },
    fallback: ["http://localhost:50051"],
    help: "routers of the cluster, tried in turn",
  },
  {
    key: "grpc.listen_host",
    flag: "listen-host",
    rule: { kind: "text", form: hostForm },
    fallback: "0.0.0.0",
    help: "interface that it listens on",
  },
  {
    key: "grpc.port",
    flag: "grpc-port",
    variable: "GRPC_PORT",
    option: "grpcAddr",
    rule: { kind: "integer", min: 0, max: 65_535 },
    fallback: 9_091,
    help: "where sources of the pod and other sidecars connect",
  },
  {
    key: "metrics.http_addr",
    flag: "http-addr",
    option: "httpAddr",
    rule: { kind: "text", form: httpOrOff },
    fallback: "off",
    help: "where metrics and health are served by HTTP, or off",
  },
  {
    key: "services.local",
    flag: "local-services",
    variable: "LOCAL_SERVICES",
    option: "services",
    rule: { kind: "list", form: serviceForm },
    help:
      "services of the pod as name=type@url, of type source, transform, sink, or any for a lookup; a source that pushes as name=source, a sink that drops what it has as name=sink+exactly_once@url",
  },
  {
    key: "services.discovery_start_port",
    flag: "discovery-start-port",
    variable: "DISCOVERY_START_PORT",
    option: "discovery.startPort",
    rule: port,
    help: "first port on which it looks for services of the pod",
  },
  {
    key: "services.discovery_end_port",
    flag: "discovery-end-port",
    variable: "DISCOVERY_END_PORT",
    option: "discovery.endPort",
    rule: port,
    help: "last one (default: the first)",
  },
  {
    key: "cluster.heartbeat_interval_secs",
    flag: "heartbeat-interval-secs",
    variable: "HEARTBEAT_INTERVAL_SECS",
    option: "settings.heartbeatIntervalMs",
    rule: { kind: "integer", min: 1, max: 3_600, unit: "s" },
    fallback: serviceHeartbeatMs / 1_000,
    help: "pause between heartbeats; its lease lasts three of them",
  },
  ...tlsSettings,
  {
    key: "grpc.drain_timeout_ms",
    flag: "drain-timeout-ms",
    option: "settings.drainTimeoutMs",
    rule: { kind: "integer", min: 1, max: timeoutMsMax, unit: "ms" },
    fallback: drainTimeoutMs,
    help: "time that records under way get to settle when the sidecar ends",
  },
  ...logSettings,
];

/**
 * The options of a sidecar with these values. `read` gives the text of the file that a setting names,
 * `firstAddress` finds an address of this machine.
 */
export async function toSidecarOptions(
  config: Configuration,
  read: (key: string) => Promise<string>,
  firstAddress: () => string | undefined,
): Promise<SidecarOptions> {
  const podName = config.text("sidecar.pod_name");
  const sidecarId = config.text("sidecar.id") ?? podName;
  if (sidecarId === undefined) {
    throw invalidArgument(
      "SIDECAR_ID",
      "or POD_NAME must be given, and the process permitted to read it",
      undefined,
    );
  }
  const host = config.textOrDefault("grpc.listen_host");
  const isAny = host === "0.0.0.0" || host === "[::]";
  const advertiseHost = config.text("sidecar.pod_ip") ??
    (isAny ? firstAddress() : undefined);
  if (isAny && advertiseHost === undefined) {
    throw invalidArgument(
      "POD_IP",
      "must be given where the addresses of the machine cannot be read, as without --allow-sys=networkInterfaces",
      undefined,
    );
  }
  const { server: tls, dial: dialTls } = await tlsOf(config, read);
  const heartbeatSecs = config.number("cluster.heartbeat_interval_secs");
  return {
    sidecarId,
    routers: routersOf(config),
    services: servicesOf(config),
    ...discoveryOf(config),
    ...given({
      podName,
      namespace: config.text("sidecar.namespace"),
      httpAddr: httpAddrOf(config),
      grpcAddr: `${host}:${config.numberOrDefault("grpc.port")}`,
      advertiseHost,
    }),
    settings: given({
      heartbeatIntervalMs: heartbeatSecs && heartbeatSecs * 1_000,
      drainTimeoutMs: config.number("grpc.drain_timeout_ms"),
      grpc: given({ tls }),
      dialTls,
    }),
  };
}

/** What a sidecar touches by itself; the sidecars of other pods, which it hands records to, come on top. */
export function sidecarNeeds(config: Configuration): Needs {
  const host = config.textOrDefault("grpc.listen_host");
  const http = httpAddrOf(config);
  const looks = config.number("services.discovery_start_port") !== undefined;
  return joinNeeds(...[
    `${host}:${config.numberOrDefault("grpc.port")}`,
    ...http ? [http] : [],
    ...routersOf(config),
    ...servicesOf(config).flatMap(({ url }) => url ?? []),
    ...looks ? ["127.0.0.1"] : [],
  ].map(needsOfAddress));
}

function httpAddrOf(config: Configuration): string | undefined {
  const address = config.text("metrics.http_addr");
  return address === "off" ? "" : address;
}

function discoveryOf(
  config: Configuration,
): Pick<SidecarOptions, "discovery"> {
  const startPort = config.number("services.discovery_start_port");
  const endPort = config.number("services.discovery_end_port") ?? startPort;
  if (endPort === undefined) return {};
  if (startPort === undefined) {
    const end = config.placeOf("services.discovery_end_port");
    throw invalidArgument(
      "DISCOVERY_START_PORT",
      `must be given with "${end}"`,
      undefined,
    );
  }
  return { discovery: { startPort, endPort } };
}

function routersOf(config: Configuration): string[] {
  return config.list("cluster.endpoint").map(withScheme);
}

function withScheme(address: string): string {
  return /:\/\/|^unix:/.test(address) ? address : `http://${address}`;
}

/** The services in `name=type@url`. What is wrong with their parts is told where options are checked. */
function servicesOf(config: Configuration): PodService[] {
  return config.list("services.local").map((part) => {
    const [, name, type, once, url] = service.exec(part)!;
    return {
      name: name!,
      type: type as "any",
      ...once === undefined ? {} : { exactlyOnce: true },
      ...url === undefined ? {} : { url: withScheme(url) },
    };
  });
}
