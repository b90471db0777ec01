/**
 * Finds the services of a pod: dials a range of ports of this host, and asks by server reflection what
 * each one serves that pipelines can use. A service is offered under the name that it gives itself, or,
 * where it gives none, under its kind and port. Sources push, and cannot be found so: they are configured.
 */
import { Channel } from "../../clients/channel.ts";
import { onlyItem } from "../../clients/only_item.ts";
import type { LookupServiceMethods } from "../../proto/messages/lookup.ts";
import {
  type LocalService,
  ServiceType,
} from "../../proto/messages/sidecar.ts";
import type { SinkServiceMethods } from "../../proto/messages/sink.ts";
import type { TransformServiceMethods } from "../../proto/messages/transform.ts";
import { serviceOf } from "../../proto/service.ts";
import { asConveyorError, Code, messageOf } from "../errors.ts";
import { discoveryTimeoutMs, probesAtOnce } from "../limits.ts";
import { log } from "../log.ts";
import { reflectionServices } from "../rpc/reflection.ts";

/** Ports to look at. */
export interface DiscoveryRange {
  readonly host: string;
  readonly startPort: number;
  /** Itself included. */
  readonly endPort: number;
}

type Named = (channel: Channel) => Promise<string>;

const transform = serviceOf<TransformServiceMethods>(
  "conveyor.transform.TransformService",
);
const lookup = serviceOf<LookupServiceMethods>("conveyor.lookup.LookupService");
const sink = serviceOf<SinkServiceMethods>("conveyor.sink.SinkService");
const options = { timeoutMs: discoveryTimeoutMs };

/** The services that pipelines can use, by their name on the wire, and how each is asked for its own. */
const kinds: readonly {
  readonly service: string;
  readonly kind: string;
  readonly serviceType: ServiceType;
  readonly nameOf: Named;
}[] = [
  {
    service: transform.name,
    kind: "transform",
    serviceType: ServiceType.Transform,
    nameOf: async (channel) =>
      (await channel.unary(transform.methods.getCapabilities, {}, options))
        .message.transformId,
  },
  {
    service: lookup.name,
    kind: "lookup",
    // Sidecars have no type for it.
    serviceType: ServiceType.Unspecified,
    nameOf: async (channel) =>
      (await channel.unary(lookup.methods.getCapabilities, {}, options))
        .message.lookupId,
  },
  {
    service: sink.name,
    kind: "sink",
    serviceType: ServiceType.Sink,
    nameOf: async (channel) =>
      (await channel.unary(sink.methods.getCapacity, {}, options))
        .message.sinkId,
  },
];

/** By port of `range` that somebody listens on, what is found there; the ports in `skipped` are not looked at. */
export async function discover(
  { host, startPort, endPort }: DiscoveryRange,
  skipped: ReadonlySet<number>,
): Promise<Map<number, readonly LocalService[]>> {
  const ports = Array.from(
    { length: endPort - startPort + 1 },
    (_, at) => startPort + at,
  ).filter((port) => !skipped.has(port));
  const found = new Map<number, readonly LocalService[]>();
  for (let at = 0; at < ports.length; at += probesAtOnce) {
    await Promise.all(
      ports.slice(at, at + probesAtOnce).map(async (port) => {
        if (!await isOpen(host, port)) return;
        found.set(port, await probe(host, port));
      }),
    );
  }
  return found;
}

/** What is served on one port. */
async function probe(host: string, port: number): Promise<LocalService[]> {
  const url = `http://${host}:${port}`;
  let channel: Channel | undefined;
  try {
    channel = await Channel.connect(url, {
      connectTimeoutMs: discoveryTimeoutMs,
    });
    const served = await servedBy(channel);
    const services: LocalService[] = [];
    for (const { service, kind, serviceType, nameOf } of kinds) {
      if (!served.has(service)) continue;
      const name = await nameOf(channel).catch(() => "");
      services.push({
        serviceName: name || `${kind}-${port}`,
        serviceType,
        localEndpoint: url,
      });
    }
    return services;
  } catch (error) {
    // Much else may listen on a port, or be about to serve.
    log.debug("Nothing that pipelines can use is on a port", {
      port,
      reason: messageOf(error),
    });
    return [];
  } finally {
    await channel?.close();
  }
}

/** A closed port costs a moment: no channel is made for it. */
async function isOpen(hostname: string, port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname, port })).close();
    return true;
  } catch {
    return false;
  }
}

/** Names of the services that a server says it has. */
async function servedBy(channel: Channel): Promise<Set<string>> {
  for (const { methods } of reflectionServices) {
    try {
      const answers = channel.stream(
        methods.serverReflectionInfo,
        onlyItem({ listServices: "*" }),
        { timeoutMs: discoveryTimeoutMs },
      );
      for await (const { listServicesResponse } of answers) {
        const listed = listServicesResponse?.service ?? [];
        return new Set(listed.map(({ name }) => name));
      }
    } catch (error) {
      // Older servers know only the older version.
      if (asConveyorError(error).code !== Code.Unimplemented) throw error;
    }
  }
  return new Set();
}
