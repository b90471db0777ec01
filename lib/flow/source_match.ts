/** Which source stages take the records of a source. */
import type { RegisteredSource } from "../delivery/ports.ts";
import type { ServiceSelection } from "../routing/types.ts";

/**
 * Whether a source stage with this selector takes the records of `sourceId`: it names the id itself,
 * or selects the registered service of that id.
 */
export function takesSource(
  selector: ServiceSelection,
  sourceId: string,
  registered: RegisteredSource | undefined,
): boolean {
  const { serviceName, groupId, labels } = selector;
  if (serviceName === sourceId && groupId === "" && labels.size === 0) {
    return true;
  }
  if (registered === undefined) return false;
  if (serviceName === "" && groupId === "" && labels.size === 0) return false;
  if (
    serviceName !== "" && serviceName !== registered.name &&
    serviceName !== sourceId
  ) return false;
  if (groupId !== "" && !registered.groupIds.has(groupId)) return false;
  return [...labels].every(([name, value]) =>
    registered.labels.get(name) === value
  );
}
