/** How long a lease lasts, by how often its holder means to be heard. */
import type { Duration } from "../../proto/messages/google.ts";
import { invalidArgument } from "../errors.ts";
import {
  leaseTtlMsMax,
  leaseTtlMsMin,
  leaseTtlPerHeartbeat,
  serviceHeartbeatMs,
} from "../limits.ts";
import { msOf } from "./wire_time.ts";

/** Three heartbeats may be lost before the lease runs out. */
export function leaseTtlOf(interval: Duration | undefined): number {
  const ms = msOf(interval) || serviceHeartbeatMs;
  const ttlMs = Math.ceil(ms * leaseTtlPerHeartbeat);
  if (ms > 0 && ttlMs <= leaseTtlMsMax) return Math.max(ttlMs, leaseTtlMsMin);
  throw invalidArgument(
    "heartbeat_interval",
    `must be from 0 to ${leaseTtlMsMax / leaseTtlPerHeartbeat} ms`,
    ms,
  );
}
