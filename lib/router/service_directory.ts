/**
 * The services of the replicated state as stages look for them: who is selected, whose turn it is, and
 * how it is called. What a selection means is worked out when services change, not for each batch.
 */
import type {
  CallLimits,
  InstanceRequest,
  RegisteredSource,
  ServedKind,
  ServiceDirectory,
  ServiceInstance,
  ServiceSelection,
  SinkPort,
} from "../delivery/ports.ts";
import type { Random } from "../random.ts";
import { Balancer, type Instance } from "../registry/balancer.ts";
import { healthOf } from "../state/services.ts";
import type { State } from "../state/state.ts";
import type { RegisteredService } from "../state/types.ts";
import { HealthStatus } from "../../proto/messages/common.ts";
import { LoadBalanceStrategy } from "../../proto/messages/router.ts";
import { type ChannelPool, urlOf } from "../services/channel_pool.ts";
import { type CallBytes, portOf } from "../services/stage_ports.ts";
import { UnderWay } from "./under_way.ts";

const strategies = {
  round_robin: LoadBalanceStrategy.RoundRobin,
  least_connections: LoadBalanceStrategy.LeastConnections,
  weighted_random: LoadBalanceStrategy.WeightedRandom,
  consistent_hash: LoadBalanceStrategy.ConsistentHash,
} as const;

/** Capability of a sink that drops records whose idempotency_key it has. */
const exactlyOnce = "exactly_once";

/** What stands for a service where consumers pull a stage's records. */
const pulledId = "consumers";

/** What is looked at of the state. */
export type DirectoryState = Pick<State, "groups" | "select" | "services">;

/** The sinks of stages whose records are pulled. */
export interface OutletsPort {
  of(pipelineId: string, stageId: string): SinkPort;
}

/** Those that a stage selects, and whose turn it is. */
interface Selected {
  readonly balancer: Balancer;
  /** Number of the last change of services that it knows. */
  version: number;
  instances: ReadonlyMap<string, ServiceInstance>;
}

/** Finds services in the replicated state. */
export class StateDirectory implements ServiceDirectory {
  readonly underWay: UnderWay = new UnderWay();
  readonly #state: DirectoryState;
  readonly #pool: ChannelPool;
  readonly #random: Random;
  /** Two versions of a stage, which may be at work one after the other, select apart. */
  readonly #selected: WeakMap<ServiceSelection, Selected> = new WeakMap();
  readonly #outlets: OutletsPort;
  #version = 0;

  constructor(
    state: DirectoryState,
    pool: ChannelPool,
    outlets: OutletsPort,
    random: Random,
  ) {
    this.#state = state;
    this.#pool = pool;
    this.#outlets = outlets;
    this.#random = random;
  }

  /** Services have come, gone or changed. */
  changed(): void {
    this.#version++;
    const urls = this.#state.services.list({ includeUnhealthy: true })
      .flatMap(({ endpoint }) => endpoint ? [urlOf(endpoint)] : []);
    this.#pool.keepOnly(new Set(urls));
  }

  pick<Kind extends ServedKind>(
    request: InstanceRequest<Kind>,
  ): ServiceInstance<Kind> | undefined {
    if (request.pulled) {
      const { pipelineId, stageId } = request;
      // Only the records of sinks are pulled.
      return {
        id: pulledId,
        port: this.#outlets.of(pipelineId, stageId),
        exactlyOnce: true,
      } satisfies ServiceInstance<"sink"> as ServiceInstance<Kind>;
    }
    const { balancer, instances } = this.#find(request);
    const pick = balancer.pick(
      this.#random(),
      request.keyHash,
      request.leaveOut,
    );
    if (pick.kind !== "picked") return undefined;
    // Made for a stage of this kind.
    return instances.get(pick.instance.id) as ServiceInstance<Kind> | undefined;
  }

  source(sourceId: string): RegisteredSource | undefined {
    const { services, groups } = this.#state;
    const service = services.get(sourceId);
    if (service === undefined) return undefined;
    const { identity: { name, groupId }, metadata } = service;
    return {
      name,
      groupIds: new Set([groupId, ...groups.groupsOf(sourceId)]),
      labels: new Map(Object.entries(metadata.labels)),
    };
  }

  #find(request: InstanceRequest): Selected {
    const { selector } = request;
    let selected = this.#selected.get(selector);
    if (selected === undefined) {
      selected = {
        balancer: new Balancer(strategies[selector.loadBalance]),
        version: -1,
        instances: new Map(),
      };
      this.#selected.set(selector, selected);
    }
    if (selected.version !== this.#version) this.#refresh(request, selected);
    return selected;
  }

  #refresh({ kind, selector }: InstanceRequest, selected: Selected): void {
    selected.version = this.#version;
    const { serviceName: name, groupId } = selector;
    const services = this.#state
      .select({ name, groupId, includeUnhealthy: true })
      .filter((service) => service.endpoint && hasLabels(selector, service));
    selected.balancer.set(services.map(instanceOf));
    selected.instances = new Map(services.map((service) => {
      const { serviceId: id, capabilities } = service.identity;
      const url = urlOf(service.endpoint!);
      const port = portOf(kind, {
        call: this.#caller(id, url, selected.balancer),
        incarnation: () => this.#pool.incarnation(url),
      });
      return [id, {
        id,
        port,
        exactlyOnce: capabilities.includes(exactlyOnce),
      }];
    }));
  }

  #caller(id: string, url: string, balancer: Balancer): CallBytes {
    return async (method, request, limits: CallLimits) => {
      balancer.start(id);
      this.underWay.start(id, limits.records);
      try {
        return await this.#pool.call(url, method, request, limits);
      } finally {
        balancer.end(id);
        this.underWay.end(id, limits.records);
      }
    };
  }
}

function hasLabels(
  { labels }: ServiceSelection,
  { metadata }: RegisteredService,
): boolean {
  for (const [name, value] of labels) {
    if (name.startsWith("conveyor/")) continue;
    if (metadata.labels[name] !== value) return false;
  }
  return true;
}

function instanceOf(service: RegisteredService): Instance {
  const { identity, metadata, draining } = service;
  return {
    id: identity.serviceId,
    weight: metadata.weight,
    maxConcurrentRequests: metadata.maxConcurrentRequests,
    takesNew: !draining && healthOf(service) !== HealthStatus.Unhealthy,
  };
}
