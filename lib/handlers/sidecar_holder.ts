/** Who has the id of a sidecar, for a registration that may not have it any more. */
import type { SidecarHeartbeatRequest } from "../../proto/messages/sidecar.ts";
import type { Sidecar } from "../../proto/messages/state.ts";
import { Code, ConveyorError } from "../errors.ts";
import { msOf } from "./wire_time.ts";

/**
 * The holder, if it has replaced the registration of a heartbeat. It has not when it was not heard of for
 * as long as its lease lasts, nor when it is older, as one is that a snapshot has brought back.
 */
export function newerThan(
  { registrationId, registeredAt }: Pick<
    SidecarHeartbeatRequest,
    "registrationId" | "registeredAt"
  >,
  holder: Readonly<Sidecar> | undefined,
): Readonly<Sidecar> | undefined {
  if (!holder || holder.expired) return undefined;
  if (["", holder.registrationId].includes(registrationId)) return undefined;
  return holder.registeredAtMs >= (msOf(registeredAt) ?? 0)
    ? holder
    : undefined;
}

/** NotFound when there is no holder, FailedPrecondition when it is not this registration; empty: any is. */
export function requireHeld(
  holder: Readonly<Sidecar> | undefined,
  sidecarId: string,
  registrationId: string,
): void {
  const action = `watch the assignments of sidecar "${sidecarId}"`;
  if (!holder) {
    throw new ConveyorError(
      Code.NotFound,
      `Cannot ${action}: it is not registered`,
    );
  }
  if (["", holder.registrationId].includes(registrationId)) return;
  throw new ConveyorError(
    Code.FailedPrecondition,
    `Cannot ${action}: "${holder.endpoint}" has registered under that id since`,
  );
}
