/** What a watcher of some services is told of a change in the replicated state. */
import { EventType } from "../../proto/messages/registry.ts";
import { isMeant, type ServiceQuery } from "../state/services.ts";
import type { RegisteredService, StateEvent } from "../state/types.ts";

/** What a watcher is told, and of which service. */
export interface ServiceChange {
  readonly eventType: EventType;
  readonly service: RegisteredService;
  /** The partitions that it is about; undefined: it is about none. */
  readonly partitions?: readonly number[];
}

/** One that begins to fit the query is added for its watcher, one that ceases to is removed. */
export function serviceChange(
  event: StateEvent,
  query: ServiceQuery,
): ServiceChange | undefined {
  switch (event.kind) {
    case "serviceAdded":
      return isMeant(event.service, query)
        ? { eventType: EventType.Added, service: event.service }
        : undefined;
    case "serviceRemoved":
      return isMeant(event.service, query)
        ? { eventType: EventType.Removed, service: event.service }
        : undefined;
    case "serviceModified":
    case "serviceHealthChanged": {
      const before = isMeant(event.before, query);
      const after = isMeant(event.service, query);
      if (!before && !after) return undefined;
      const { service } = event;
      if (!before) return { eventType: EventType.Added, service };
      if (!after) {
        return { eventType: EventType.Removed, service: event.before };
      }
      const eventType = event.kind === "serviceModified"
        ? EventType.Modified
        : EventType.HealthChanged;
      return { eventType, service };
    }
    case "partitionsAssigned":
    case "partitionsRevoked": {
      const { service, partitions } = event;
      if (!isMeant(service, query)) return undefined;
      const eventType = event.kind === "partitionsAssigned"
        ? EventType.PartitionsAssigned
        : EventType.PartitionsRevoked;
      return { eventType, service, partitions };
    }
    default:
      return undefined;
  }
}
