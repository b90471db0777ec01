/**
 * What an operator may set of a sidecar, in one table: from it come the flags, the variables, the keys of
 * the file, and the help. The variables without a prefix are those that pods of sidecars set already.
 */
import { drainTimeoutMs, serviceHeartbeatMs } from "../limits.ts";
import { invalidArgument } from "../errors.ts";
import type { PodService, SidecarOptions } from "../sidecar/sidecar_options.ts";
import { logSettings } from "./log_settings.ts";
import type { ConfigValues } from "./resolve_config.ts";
import type { Setting } from "./setting.ts";

/** Every setting of a sidecar. */
export const sidecarSettings: readonly Setting[] = [
  {
    key: "sidecar.id",
    flag: "sidecar-id",
    variable: "SIDECAR_ID",
    rule: { kind: "text" },
    help: "name of the sidecar, unique in the cluster (default: the pod's)",
  },
  {
    key: "sidecar.pod_name",
    flag: "pod-name",
    variable: "POD_NAME",
    rule: { kind: "text" },
    help: "pod that it runs in (default: its id)",
  },
  {
    key: "sidecar.namespace",
    flag: "namespace",
    variable: "NAMESPACE",
    rule: { kind: "text" },
    fallback: "default",
    help: "namespace of the pod",
  },
  {
    key: "sidecar.pod_ip",
    flag: "pod-ip",
    variable: "POD_IP",
    rule: { kind: "text" },
    help: "host at which other sidecars reach it (default: the first address)",
  },
  {
    key: "cluster.endpoint",
    flag: "cluster-endpoint",
    variable: "CLUSTER_ENDPOINT",
    rule: { kind: "list" },
    fallback: ["http://localhost:50051"],
    help: "routers of the cluster, tried in turn",
  },
  {
    key: "grpc.listen_host",
    flag: "listen-host",
    rule: { kind: "text" },
    fallback: "0.0.0.0",
    help: "interface that it listens on",
  },
  {
    key: "grpc.port",
    flag: "grpc-port",
    variable: "GRPC_PORT",
    rule: { kind: "integer", min: 0, max: 65_535 },
    fallback: 9_091,
    help: "where sources of the pod and other sidecars connect",
  },
  {
    key: "services.local",
    flag: "local-services",
    variable: "LOCAL_SERVICES",
    rule: { kind: "list" },
    help: "services of the pod as name=type@url; a source as name=source",
  },
  {
    key: "services.discovery_start_port",
    flag: "discovery-start-port",
    variable: "DISCOVERY_START_PORT",
    rule: { kind: "integer", min: 1, max: 65_535 },
    help: "first port on which it looks for services of the pod",
  },
  {
    key: "services.discovery_end_port",
    flag: "discovery-end-port",
    variable: "DISCOVERY_END_PORT",
    rule: { kind: "integer", min: 1, max: 65_535 },
    help: "last one (default: the first)",
  },
  {
    key: "cluster.heartbeat_interval_secs",
    flag: "heartbeat-interval-secs",
    variable: "HEARTBEAT_INTERVAL_SECS",
    rule: { kind: "integer", min: 1, max: 3_600 },
    fallback: serviceHeartbeatMs / 1_000,
    help: "pause between heartbeats; its lease lasts three of them",
  },
  {
    key: "grpc.drain_timeout_ms",
    flag: "drain-timeout-ms",
    rule: { kind: "integer", min: 1, max: 2 ** 31 - 1 },
    fallback: drainTimeoutMs,
    help: "time that records under way get to settle when the sidecar ends",
  },
  ...logSettings,
];

/** The options of a sidecar with these values; `firstAddress` finds one of this machine. */
export function toSidecarOptions(
  values: ConfigValues,
  firstAddress: () => string | undefined,
): SidecarOptions {
  const text = (key: string): string | undefined =>
    values.get(key) as string | undefined;
  const list = (key: string): readonly string[] =>
    (values.get(key) ?? []) as readonly string[];
  const number = (key: string): number => values.get(key) as number;
  const podName = text("sidecar.pod_name");
  const sidecarId = text("sidecar.id") ?? podName;
  if (sidecarId === undefined) {
    throw invalidArgument(
      "SIDECAR_ID",
      "or POD_NAME must be given, and the process permitted to read it",
      undefined,
    );
  }
  const host = text("grpc.listen_host")!;
  const isAny = host === "0.0.0.0" || host === "[::]";
  const advertiseHost = text("sidecar.pod_ip") ??
    (isAny ? firstAddress() : undefined);
  if (isAny && advertiseHost === undefined) {
    throw invalidArgument(
      "POD_IP",
      "must be given where no address of the machine can be read",
      undefined,
    );
  }
  return {
    sidecarId,
    ...podName === undefined ? {} : { podName },
    namespace: text("sidecar.namespace")!,
    routers: list("cluster.endpoint").map(withScheme),
    grpcAddr: `${host}:${number("grpc.port")}`,
    ...advertiseHost === undefined ? {} : { advertiseHost },
    services: list("services.local").map(serviceOf),
    ...discoveryOf(values),
    settings: {
      heartbeatIntervalMs: number("cluster.heartbeat_interval_secs") * 1_000,
      drainTimeoutMs: number("grpc.drain_timeout_ms"),
    },
  };
}

function discoveryOf(values: ConfigValues): Pick<SidecarOptions, "discovery"> {
  const startPort = values.get("services.discovery_start_port");
  const endPort = values.get("services.discovery_end_port") ?? startPort;
  if (endPort === undefined) return {};
  if (startPort === undefined) {
    throw invalidArgument(
      "DISCOVERY_START_PORT",
      "must be given with DISCOVERY_END_PORT",
      undefined,
    );
  }
  return {
    discovery: { startPort: Number(startPort), endPort: Number(endPort) },
  };
}

function withScheme(address: string): string {
  return address.includes("://") ? address : `http://${address}`;
}

/** The service in `name=type@url`. What is wrong with its parts is told where options are checked. */
function serviceOf(part: string): PodService {
  const form = /^([^=]+)=([a-z]+)(?:@(.+))?$/.exec(part);
  if (!form) {
    throw invalidArgument(
      "LOCAL_SERVICES",
      'must be "name=type@url" each, or "name=source"',
      part,
    );
  }
  const [, name, type, url] = form;
  return {
    name: name!,
    type: type as "any",
    ...url === undefined ? {} : { url: withScheme(url) },
  };
}
