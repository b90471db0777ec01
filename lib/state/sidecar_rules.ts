/**
 * What a sidecar may say of itself, and the form that the state keeps it in.
 */
import { Code } from "../errors.ts";
import { sidecarServicesMax } from "../limits.ts";
import type { Sidecar } from "../../proto/messages/state.ts";
import { badId, refuse } from "./rules.ts";
import { badLease, badSize } from "./service_rules.ts";
import type { Refused } from "./types.ts";

/** The sidecar in its form, or why it may not be registered. */
export function checkedSidecar(
  sidecar: Sidecar | undefined,
  atMs: number,
): Readonly<Sidecar> | Refused {
  const { services } = sidecar ?? {};
  if (!sidecar || !services) {
    return refuse(Code.InvalidArgument, "sidecar", "must be set", "nothing");
  }
  if (services.length > sidecarServicesMax) {
    return refuse(
      Code.InvalidArgument,
      "local_services",
      `must name at most ${sidecarServicesMax} services`,
      services,
    );
  }
  const bad = badId("sidecar_id", sidecar.sidecarId) ??
    badId("registration_id", sidecar.registrationId) ??
    badId("sidecar_endpoint", sidecar.endpoint) ??
    badLease(sidecar.leaseTtlMs) ?? badSize("local_services", sidecar) ??
    services.map((each) =>
      badId("local_services.service_name", each.serviceName) ??
        badId("local_services.local_endpoint", each.localEndpoint)
    ).find((each) => each !== undefined);
  return bad ?? {
    ...sidecar,
    registeredAtMs: atMs,
    expired: false,
    draining: false,
    unhealthy: [],
    told: {},
    toldDraining: false,
  };
}
