/** A service of the pod, as its sidecar knows it: more than the cluster is told. */
import type { LocalService } from "../../proto/messages/sidecar.ts";

/** A service that was configured or found. */
export interface KnownService extends LocalService {
  /** Of a sink, whether it drops records whose idempotency_key it has. */
  readonly exactlyOnce: boolean;
}
