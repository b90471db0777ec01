/**
 * Options of a sidecar, resolved once. What a flag or a variable may say of them is settled before, by
 * lib/config; here they are checked whatever they come from.
 */
import { formOption, tcpListenForm } from "../address_forms.ts";
import { parseAddress } from "../../clients/address.ts";
import type {
  ClientTlsOptions,
  ConnectOptions,
} from "../../clients/channel_options.ts";
import { ServiceType } from "../../proto/messages/sidecar.ts";
import { invalidArgument } from "../errors.ts";
import { type FlowOptions, resolveFlowOptions } from "../flow/flow_options.ts";
import {
  discoveryPortsMax,
  drainTimeoutMs,
  serviceHeartbeatMs,
  sidecarServicesMax,
  timeoutMsMax,
} from "../limits.ts";
import {
  booleanOption,
  integerOption,
  requiredObject,
  requiredString,
  timeOption,
} from "../options.ts";
import { dialOf } from "../rpc/dial.ts";
import {
  resolveRpcServerOptions,
  type RpcServerOptions,
} from "../rpc/server_options.ts";
import type { DiscoveryRange } from "./discovery.ts";
import type { KnownService } from "./known_service.ts";

/** A service in the pod of a sidecar. */
export interface PodService {
  /** Name that pipelines select by. */
  readonly name: string;
  /** What it does; `any` where it is not known, and of a lookup. @default "any" */
  readonly type?: "source" | "transform" | "sink" | "any";
  /**
   * Where the sidecar reaches it: `http://localhost:50061`. A source that has one is pulled from, as a
   * `conveyor.source.SourceService`; one that has none pushes. @default none
   */
  readonly url?: string;
  /**
   * Of a sink: whether it drops records whose `idempotency_key` it has. Each record then carries one that
   * stays the same over retries, restarts and pods. @default false
   */
  readonly exactlyOnce?: boolean;
}

/** Options of a `Sidecar`. */
export interface SidecarOptions {
  /** Name of the sidecar, unique among all of the cluster. */
  readonly sidecarId: string;
  /** Pod that it runs in. @default sidecarId */
  readonly podName?: string;
  /** Namespace of the pod. @default "default" */
  readonly namespace?: string;
  /** Routers of the cluster, tried in turn: `http://` or `https://`. */
  readonly routers: string | readonly string[];
  /** Where sources of the pod and other sidecars connect: `host:port`. @default "0.0.0.0:9091" */
  readonly grpcAddr?: string;
  /**
   * Where metrics and health are served by HTTP: `host:port`; empty: nowhere. The services of a pod share
   * its ports, and some serve their metrics themselves. @default ""
   */
  readonly httpAddr?: string;
  /** Host at which other sidecars reach it. @default that of grpcAddr, unless it means every interface */
  readonly advertiseHost?: string;
  /** Services of the pod. @default [] */
  readonly services?: readonly PodService[];
  /** Ports of this host on which it looks for further services, by server reflection. @default none */
  readonly discovery?: {
    readonly startPort: number;
    /** Itself included. */
    readonly endPort: number;
    /** @default "127.0.0.1" */
    readonly host?: string;
  };
  /** Everything that seldom needs to be set. @default {} */
  readonly settings?: SidecarSettings;
}

/** Settings of a `Sidecar`. */
export interface SidecarSettings {
  /** Pause between heartbeats, in ms; its lease lasts three of them. @default 5000 */
  readonly heartbeatIntervalMs?: number;
  /** Time that records under way get to settle when the sidecar closes, in ms. @default 10000 */
  readonly drainTimeoutMs?: number;
  /** How many records the sidecar holds, and when it commits offsets. @default {} */
  readonly flow?: FlowOptions;
  /** Message sizes, keepalive and TLS of the gRPC server. @default {} */
  readonly grpc?: RpcServerOptions;
  /** How routers are dialled. @default {} */
  readonly connect?: Omit<ConnectOptions, "tls">;
  /**
   * TLS towards routers, services and other sidecars whose address is `https`; the certificate for those
   * that ask for one. @default the runtime's authorities, and the certificate of `grpc.tls`
   */
  readonly dialTls?: ClientTlsOptions;
}

/** Options with their defaults. */
export interface ResolvedSidecarOptions {
  readonly sidecarId: string;
  readonly podName: string;
  readonly namespace: string;
  readonly routers: readonly string[];
  readonly grpcAddr: string;
  readonly httpAddr: string;
  readonly advertiseHost: string;
  readonly services: readonly KnownService[];
  readonly discovery: DiscoveryRange | undefined;
  readonly heartbeatIntervalMs: number;
  readonly drainTimeoutMs: number;
  readonly flow: FlowOptions;
  readonly grpc: RpcServerOptions;
  readonly connect: ConnectOptions;
  /** How everybody is dialled. */
  readonly dial: Pick<ConnectOptions, "tls">;
}

/** Checks `options` and fills in the defaults. */
export function resolveSidecarOptions(
  options: SidecarOptions,
): ResolvedSidecarOptions {
  requiredObject("options", options);
  const settings = requiredObject("settings", options.settings ?? {});
  const sidecarId = requiredString("sidecarId", options.sidecarId);
  const grpcAddr = formOption(
    "grpcAddr",
    options.grpcAddr ?? anyHost,
    tcpListenForm,
  );
  const { routers, services = [] } = options;
  const list = typeof routers === "string" ? [routers] : [...routers ?? []];
  if (list.length === 0) {
    throw invalidArgument("routers", "must name at least one router", routers);
  }
  for (const router of list) checkUrl("routers", router);
  return {
    sidecarId,
    podName: options.podName ?? sidecarId,
    namespace: options.namespace ?? "default",
    routers: list,
    grpcAddr,
    httpAddr: httpAddrOf(options.httpAddr),
    advertiseHost: options.advertiseHost ?? dialledHost(grpcAddr),
    services: podServices(services),
    discovery: rangeOf(options.discovery),
    heartbeatIntervalMs: timeOption(
      "settings.heartbeatIntervalMs",
      settings.heartbeatIntervalMs,
      serviceHeartbeatMs,
    ),
    drainTimeoutMs: timeOption(
      "settings.drainTimeoutMs",
      settings.drainTimeoutMs,
      drainTimeoutMs,
    ),
    flow: flowOf(settings.flow),
    grpc: grpcOf(settings.grpc),
    connect: settings.connect ?? {},
    dial: dialOf(settings.dialTls, settings.grpc?.tls),
  };
}

const anyHost = "0.0.0.0:9091";

/** Sources of sidecars are not told when credit lapses: it does not. */
function flowOf(flow: FlowOptions = {}): FlowOptions {
  const options = { creditTtlMs: timeoutMsMax, ...flow };
  resolveFlowOptions(options);
  return options;
}

function httpAddrOf(httpAddr = ""): string {
  return httpAddr === ""
    ? httpAddr
    : formOption("httpAddr", httpAddr, tcpListenForm);
}

function grpcOf(grpc: RpcServerOptions = {}): RpcServerOptions {
  resolveRpcServerOptions(grpc);
  return grpc;
}

function rangeOf(
  discovery: SidecarOptions["discovery"],
): DiscoveryRange | undefined {
  if (discovery === undefined) return undefined;
  const { host = "127.0.0.1" } = requiredObject("discovery", discovery);
  const port = (name: "startPort" | "endPort", min: number): number =>
    integerOption(`discovery.${name}`, discovery[name], 0, min, 65_535);
  const startPort = port("startPort", 1);
  const endPort = port("endPort", startPort);
  if (endPort - startPort >= discoveryPortsMax) {
    throw invalidArgument(
      "discovery.endPort",
      `must make at most ${discoveryPortsMax} ports with "discovery.startPort", which is ${startPort}`,
      endPort,
    );
  }
  return { host: requiredString("discovery.host", host), startPort, endPort };
}

const types = {
  source: ServiceType.Source,
  transform: ServiceType.Transform,
  sink: ServiceType.Sink,
  any: ServiceType.Unspecified,
} as const;

function podServices(services: readonly PodService[]): KnownService[] {
  if (services.length > sidecarServicesMax) {
    throw invalidArgument(
      "services",
      `must be at most ${sidecarServicesMax}`,
      services.length,
    );
  }
  return services.map(({ name, type = "any", url, exactlyOnce }, at) => {
    const field = `services[${at}]`;
    if (!Object.hasOwn(types, type)) {
      throw invalidArgument(
        `${field}.type`,
        `must be one of ${Object.keys(types).join(", ")}`,
        type,
      );
    }
    if (url !== undefined) checkUrl(`${field}.url`, url);
    else if (type !== "source") {
      throw invalidArgument(
        `${field}.url`,
        `must say where "${name}" is called, unless it is a source that pushes`,
        url,
      );
    }
    return {
      serviceName: requiredString(`${field}.name`, name),
      serviceType: types[type],
      // A source is not called: it pushes. The cluster wants some text for it.
      localEndpoint: url ?? "push",
      exactlyOnce: exactlyOnceOf(field, type, exactlyOnce),
    };
  });
}

function exactlyOnceOf(
  field: string,
  type: string,
  given: boolean | undefined,
): boolean {
  const name = `${field}.exactlyOnce`;
  if (booleanOption(name, given, false) === false) return false;
  if (type === "sink") return true;
  throw invalidArgument(name, "exactly once goes with a sink alone", type);
}

function checkUrl(name: string, url: string): void {
  try {
    parseAddress(url);
  } catch {
    throw invalidArgument(
      name,
      'must be "http://host:port", "https://host:port" or "unix:/path"',
      url,
    );
  }
}

/** The host of an address; other pods cannot dial "every interface". */
function dialledHost(grpcAddr: string): string {
  const host = grpcAddr.slice(0, grpcAddr.lastIndexOf(":"));
  if (host !== "0.0.0.0" && host !== "[::]") return host;
  throw invalidArgument(
    "advertiseHost",
    `must say where other sidecars reach this one when grpcAddr is "${grpcAddr}"`,
    undefined,
  );
}
