/**
 * Answers the heartbeats of services. One renews a lease in the leader's memory and becomes a command
 * only when it says something new of the service's health. The answer brings what the service has to
 * hear: to drain or to go on, and its partitions.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type {
  HeartbeatRequest,
  HeartbeatResponse,
  RouterCommand,
  ServiceHealth,
} from "../../proto/messages/registry.ts";
import { LeaseKind } from "../../proto/messages/state.ts";
import type { LeaseKeeper, LeaseRenewal } from "../consensus/lease_keeper.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { heartbeatsAtOnceMax } from "../limits.ts";
import { overlapped } from "../rpc/overlapped.ts";
import { healthInForm } from "../state/service_rules.ts";
import { GroupCommands } from "./group_commands.ts";
import { isReplaced } from "./is_replaced.ts";
import { durationOf } from "./wire_time.ts";

/** What services have heard on one stream of heartbeats. */
interface Told {
  /** Those that are to drain. */
  readonly draining: Set<string>;
  readonly groups: GroupCommands;
}

type Heard = MessageInit<HeartbeatResponse>;

/** The heartbeats that reach one node. */
export class ServiceHeartbeats {
  readonly #replicated: ReplicatedState;
  readonly #leases: LeaseKeeper;

  constructor(replicated: ReplicatedState, leases: LeaseKeeper) {
    this.#replicated = replicated;
    this.#leases = leases;
  }

  /** Answers the heartbeats of one stream, which may be of many services, in their order. */
  answer(
    requests: AsyncIterable<HeartbeatRequest>,
    signal: AbortSignal,
  ): AsyncIterable<Heard> {
    const told = { draining: new Set<string>(), groups: new GroupCommands() };
    return overlapped(requests, heartbeatsAtOnceMax, (request) => {
      const { serviceId: id, registrationId } = request;
      const renewal = this.#leases.renew({
        kind: LeaseKind.Service,
        id,
        registrationId,
      });
      // Told when it is its turn.
      if (renewal instanceof Promise) renewal.catch(() => {});
      return () => this.#answer(request, renewal, told, signal);
    });
  }

  /**
   * Answers a heartbeat; `told` is what the services of its stream have heard. At once where nothing
   * has to be waited for, as most do: thousands come in a second.
   */
  #answer(
    request: HeartbeatRequest,
    renewal: LeaseRenewal | Promise<LeaseRenewal>,
    told: Told,
    signal: AbortSignal,
  ): Heard | Promise<Heard> {
    if (renewal instanceof Promise) {
      return renewal.then((renewal) =>
        this.#answer(request, renewal, told, signal)
      );
    }
    const { serviceId } = request;
    if (renewal.kind !== "renewed") return refuse(serviceId, told);
    if (!this.#bringsNews(request)) {
      return this.#acknowledge(serviceId, renewal.lastsMs, told);
    }
    return this.#noteHealth(request, signal).then((held) =>
      held
        ? this.#acknowledge(serviceId, renewal.lastsMs, told)
        : refuse(serviceId, told)
    );
  }

  #acknowledge(serviceId: string, lastsMs: number, told: Told): Heard {
    const { services, groups } = this.#replicated.state;
    const draining = services.get(serviceId)?.draining ?? false;
    return {
      acknowledged: true,
      nextHeartbeatDeadline: durationOf(lastsMs),
      commands: [
        ...drainCommands(told.draining, serviceId, draining),
        ...told.groups.next(serviceId, groups),
      ],
    };
  }

  #bringsNews(
    { serviceId, registrationId, health }: HeartbeatRequest,
  ): boolean {
    const service = this.#replicated.state.services.get(serviceId);
    // This node may not have heard of the registration yet: the next heartbeat comes.
    return health !== undefined && service?.registrationId === registrationId &&
      isNews(health, service.health);
  }

  /** Has a health that is new known everywhere; whether the registration still holds its id. */
  async #noteHealth(
    { serviceId, registrationId, health }: HeartbeatRequest,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      await this.#replicated.change(
        `change the health of service "${serviceId}"`,
        { setServiceHealth: { serviceId, registrationId, health } },
        signal,
      );
      return true;
    } catch (error) {
      if (isReplaced(error)) return false;
      throw error;
    }
  }
}

/** The registration does not hold its id. */
function refuse(serviceId: string, told: Told): Heard {
  told.draining.delete(serviceId);
  told.groups.forget(serviceId);
  return { acknowledged: false };
}

/** Whether a service says of its health what the state has not. */
function isNews(said: ServiceHealth, known: Readonly<ServiceHealth>): boolean {
  const { status, message, components } = healthInForm(said);
  return status !== known.status || message !== known.message ||
    JSON.stringify(components) !== JSON.stringify(known.components);
}

function drainCommands(
  told: Set<string>,
  serviceId: string,
  draining: boolean,
): MessageInit<RouterCommand>[] {
  if (draining === told.has(serviceId)) return [];
  if (draining) told.add(serviceId);
  else told.delete(serviceId);
  return draining
    ? [{ drain: { reason: "the service is being deregistered" } }]
    : [{ resume: {} }];
}
