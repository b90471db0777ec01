/**
 * What a service may say of itself, and the one form that the state keeps it in: labels and parts in
 * the order of their names, so that two services that say the same are kept as the same bytes.
 */
import { Code } from "../errors.ts";
import { leaseTtlMsMax, serviceCharsMax, serviceLabelsMax } from "../limits.ts";
import { HealthStatus } from "../../proto/messages/common.ts";
import type {
  ServiceHealth,
  ServiceMetadata,
} from "../../proto/messages/registry.ts";
import type { Service } from "../../proto/messages/state.ts";
import { badPullShares } from "./pull_shares.ts";
import { badId, refuse } from "./rules.ts";
import type { Refused, RegisteredService } from "./types.ts";

const portMax = 65_535;
/** What a list costs beside its characters, so that a million empty entries are refused too. */
const entryChars = 8;

/** The service in its form, or why it may not be registered. */
export function checkedService(
  service: Service | undefined,
  atMs: number,
): RegisteredService | Refused {
  const identity = service?.identity;
  if (!service || !identity) {
    return refuse(Code.InvalidArgument, "identity", "must be set", "nothing");
  }
  const labels = Object.keys(service.metadata?.labels ?? {}).length;
  if (labels > serviceLabelsMax) {
    return refuse(
      Code.InvalidArgument,
      "metadata.labels",
      `must have at most ${serviceLabelsMax} labels`,
      `${labels} labels`,
    );
  }
  const bad = badId("identity.service_id", identity.serviceId) ??
    badId("registration_id", service.registrationId) ??
    badLease(service.leaseTtlMs) ??
    badEndpoint(service) ?? badPullShares(service.metadata) ??
    badSize("identity", service);
  if (bad) return bad;
  return {
    ...service,
    identity: { ...identity, capabilities: [...identity.capabilities] },
    metadata: metadataOf(service.metadata),
    health: healthInForm(service.health),
    registeredAtMs: atMs,
    expired: false,
    draining: false,
  };
}

/** A health in the form that the state keeps. */
export function healthInForm(health: ServiceHealth | undefined): ServiceHealth {
  return {
    status: health?.status ?? HealthStatus.Unspecified,
    message: health?.message ?? "",
    components: byName(health?.components ?? {}),
  };
}

function metadataOf(metadata: ServiceMetadata | undefined): ServiceMetadata {
  return {
    labels: byName(metadata?.labels ?? {}),
    recordTypesHandled: metadata?.recordTypesHandled ?? [],
    maxConcurrentRequests: metadata?.maxConcurrentRequests ?? 0,
    weight: metadata?.weight ?? 0,
  };
}

/** The same entries, in the order of their names. */
export function byName<T>(
  entries: { [name: string]: T },
): { [name: string]: T } {
  return Object.fromEntries(
    Object.entries(entries).sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** A lease time must be one that a timer can wait for. */
export function badLease(ttlMs: number): Refused | undefined {
  if (ttlMs >= 1 && ttlMs <= leaseTtlMsMax) return undefined;
  return refuse(
    Code.InvalidArgument,
    "lease_ttl_ms",
    `must be from 1 to ${leaseTtlMsMax}`,
    ttlMs,
  );
}

function badEndpoint({ endpoint }: Service): Refused | undefined {
  if (!endpoint) return undefined;
  const { host, port } = endpoint;
  if (host === "") {
    return refuse(
      Code.InvalidArgument,
      "endpoint.host",
      "must not be empty",
      host,
    );
  }
  if (port >= 1 && port <= portMax) return undefined;
  return refuse(
    Code.InvalidArgument,
    "endpoint.port",
    `must be from 1 to ${portMax}`,
    port,
  );
}

/** Bounds what a registration says in all. */
export function badSize(field: string, said: object): Refused | undefined {
  const chars = charsOf(said);
  if (chars <= serviceCharsMax) return undefined;
  return refuse(
    Code.InvalidArgument,
    field,
    `must say at most ${serviceCharsMax} characters in all`,
    `${chars} characters`,
  );
}

/** Characters of all names and texts in a value, and something for each entry. */
function charsOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 0;
  let chars = 0;
  for (const [name, inner] of Object.entries(value)) {
    chars += name.length + entryChars + charsOf(inner);
  }
  return chars;
}
