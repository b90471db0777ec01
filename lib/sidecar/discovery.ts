/**
 * Finds the services of a pod: dials a range of ports of this host, and asks by server reflection what
 * each one serves that pipelines can use. A service is offered under the name that it gives itself, or,
 * where it gives none, under its kind and port. A source that pushes serves nothing: it is configured.
 */
import { Channel } from "../../clients/channel.ts";
import { onlyItem } from "../../clients/only_item.ts";
import type { LookupServiceMethods } from "../../proto/messages/lookup.ts";
import { ServiceType } from "../../proto/messages/sidecar.ts";
import type { SourceServiceMethods } from "../../proto/messages/source.ts";
import type { SinkServiceMethods } from "../../proto/messages/sink.ts";
import type { TransformServiceMethods } from "../../proto/messages/transform.ts";
import { serviceOf } from "../../proto/service.ts";
import { asConveyorError, Code, messageOf } from "../errors.ts";
import { discoveryTimeoutMs, probesAtOnce } from "../limits.ts";
import { log } from "../log.ts";
import type { KnownService } from "./known_service.ts";
import { reflectionServices } from "../rpc/reflection.ts";

/** Ports to look at. */
export interface DiscoveryRange {
  readonly host: string;
  readonly startPort: number;
  /** Itself included. */
  readonly endPort: number;
}

/** What a service says of itself; an empty name is none. */
interface Said {
  readonly name: string;
  readonly exactlyOnce: boolean;
}

const transform = serviceOf<TransformServiceMethods>(
  "conveyor.transform.TransformService",
);
const lookup = serviceOf<LookupServiceMethods>("conveyor.lookup.LookupService");
const source = serviceOf<SourceServiceMethods>("conveyor.source.SourceService");
const sink = serviceOf<SinkServiceMethods>("conveyor.sink.SinkService");
const options = { timeoutMs: discoveryTimeoutMs };
const unsaid: Said = { name: "", exactlyOnce: false };

/** A router pulls and is pushed to by the service of sources, too, and is none. */
const routerOnly = "conveyor.source.SourceRouter";

/** The services that pipelines can use, by their name on the wire, and how each is asked about itself. */
const kinds: readonly {
  readonly service: string;
  readonly kind: string;
  readonly serviceType: ServiceType;
  readonly ask: (channel: Channel) => Promise<Said>;
}[] = [
  {
    service: transform.name,
    kind: "transform",
    serviceType: ServiceType.Transform,
    ask: async (channel) => {
      const { getCapabilities } = transform.methods;
      const { message } = await channel.unary(getCapabilities, {}, options);
      return { name: message.transformId, exactlyOnce: false };
    },
  },
  {
    service: lookup.name,
    kind: "lookup",
    // Sidecars have no type for it.
    serviceType: ServiceType.Unspecified,
    ask: async (channel) => {
      const { getCapabilities } = lookup.methods;
      const { message } = await channel.unary(getCapabilities, {}, options);
      return { name: message.lookupId, exactlyOnce: false };
    },
  },
  {
    service: source.name,
    kind: "source",
    serviceType: ServiceType.Source,
    ask: async (channel) => {
      const { getWatermark } = source.methods;
      const { message } = await channel.unary(getWatermark, {}, options);
      return { name: message.sourceId, exactlyOnce: false };
    },
  },
  {
    service: sink.name,
    kind: "sink",
    serviceType: ServiceType.Sink,
    ask: async (channel) => {
      const { getCapacity } = sink.methods;
      const { message } = await channel.unary(getCapacity, {}, options);
      return { name: message.sinkId, exactlyOnce: message.exactlyOnce };
    },
  },
];

/** By port of `range` that somebody listens on, what is found there; the ports in `skipped` are not looked at. */
export async function discover(
  { host, startPort, endPort }: DiscoveryRange,
  skipped: ReadonlySet<number>,
): Promise<Map<number, readonly KnownService[]>> {
  const ports = Array.from(
    { length: endPort - startPort + 1 },
    (_, at) => startPort + at,
  ).filter((port) => !skipped.has(port));
  const found = new Map<number, readonly KnownService[]>();
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
async function probe(host: string, port: number): Promise<KnownService[]> {
  const url = `http://${host}:${port}`;
  let channel: Channel | undefined;
  try {
    channel = await Channel.connect(url, {
      connectTimeoutMs: discoveryTimeoutMs,
    });
    const served = await servedBy(channel);
    const services: KnownService[] = [];
    for (const { service, kind, serviceType, ask } of kinds) {
      if (!served.has(service)) continue;
      if (service === source.name && served.has(routerOnly)) continue;
      const { name, exactlyOnce } = await ask(channel).catch(() => unsaid);
      services.push({
        serviceName: name || `${kind}-${port}`,
        serviceType,
        localEndpoint: url,
        exactlyOnce,
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
