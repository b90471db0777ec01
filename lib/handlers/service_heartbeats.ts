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
  ): AsyncGenerator<MessageInit<HeartbeatResponse>, void, void> {
    const told = { draining: new Set<string>(), groups: new GroupCommands() };
    return overlapped(requests, heartbeatsAtOnceMax, (request) => {
      const { serviceId: id, registrationId } = request;
      const renewal = this.#leases.renew({
        kind: LeaseKind.Service,
        id,
        registrationId,
      });
      // Told when it is its turn.
      renewal.catch(() => {});
      return async () =>
        await this.#answer(request, await renewal, told, signal);
    });
  }

  /** Answers a heartbeat; `told` is what the services of its stream have heard. */
  async #answer(
    request: HeartbeatRequest,
    renewal: LeaseRenewal,
    told: Told,
    signal: AbortSignal,
  ): Promise<MessageInit<HeartbeatResponse>> {
    const { serviceId } = request;
    const held = renewal.kind === "renewed" &&
      await this.#noteHealth(request, signal);
    if (!held) {
      told.draining.delete(serviceId);
      told.groups.forget(serviceId);
      return { acknowledged: false };
    }
    const { services, groups } = this.#replicated.state;
    const draining = services.get(serviceId)?.draining ?? false;
    return {
      acknowledged: true,
      nextHeartbeatDeadline: durationOf(renewal.lastsMs),
      commands: [
        ...drainCommands(told.draining, serviceId, draining),
        ...told.groups.next(serviceId, groups),
      ],
    };
  }

  /** Has a health that is new known everywhere; whether the registration still holds its id. */
  async #noteHealth(
    { serviceId, registrationId, health }: HeartbeatRequest,
    signal: AbortSignal,
  ): Promise<boolean> {
    const service = this.#replicated.state.services.get(serviceId);
    // This node may not have heard of the registration yet: the next heartbeat comes.
    if (!health || service?.registrationId !== registrationId) return true;
    if (!isNews(health, service.health)) return true;
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
