/** What a watcher of some services is told of a change in the replicated state. */
import { EventType } from "../../proto/messages/registry.ts";
import { isMeant, type ServiceQuery } from "../state/services.ts";
import type { RegisteredService, StateEvent } from "../state/types.ts";

/** One that begins to fit the query is added for its watcher, one that ceases to is removed. */
export function serviceChange(
  event: StateEvent,
  query: ServiceQuery,
): [EventType, RegisteredService] | undefined {
  switch (event.kind) {
    case "serviceAdded":
      return isMeant(event.service, query)
        ? [EventType.Added, event.service]
        : undefined;
    case "serviceRemoved":
      return isMeant(event.service, query)
        ? [EventType.Removed, event.service]
        : undefined;
    case "serviceModified":
    case "serviceHealthChanged": {
      const before = isMeant(event.before, query);
      const after = isMeant(event.service, query);
      if (!before && !after) return undefined;
      if (!before) return [EventType.Added, event.service];
      if (!after) return [EventType.Removed, event.before];
      return [
        event.kind === "serviceModified"
          ? EventType.Modified
          : EventType.HealthChanged,
        event.service,
      ];
    }
    default:
      return undefined;
  }
}
