/**
 * grpc.health.v1.Health: what load balancers and orchestrators ask before they send anything. The
 * server as a whole goes under the empty name. Once it drains, everything is NOT_SERVING for good,
 * and watches end after saying so, because an open watch would hold the drain up.
 */
import { Code, ConveyorError } from "../errors.ts";
import {
  HealthCheckResponseServingStatus as ServingStatus,
  type HealthMethods,
} from "../../proto/messages/health.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import type { CallContext, Handlers } from "./handler.ts";
import type { RpcServer } from "./server.ts";

const healthService: Service<HealthMethods> = serviceOf(
  "grpc.health.v1.Health",
);

/** The health of one server and of its services. */
export class Health {
  readonly #statuses = new Map<string, ServingStatus>([
    ["", ServingStatus.Serving],
  ]);
  readonly #watches = new Set<() => void>();
  #draining = false;

  /** The services of `names` are served. */
  constructor(names: readonly string[] = []) {
    for (const name of names) this.#statuses.set(name, ServingStatus.Serving);
  }

  /** Serves the health service on `server`. */
  addTo(server: RpcServer): void {
    server.add(healthService, this.handlers());
  }

  /** The handlers of the three methods. */
  handlers(): Handlers<HealthMethods> {
    return {
      check: ({ service }) => {
        const status = this.#statuses.get(service);
        if (status === undefined) {
          throw new ConveyorError(
            Code.NotFound,
            `Cannot check "${service}": this server has no such service`,
          );
        }
        return { status };
      },
      list: () => ({
        statuses: Object.fromEntries(
          [...this.#statuses].map(([name, status]) => [name, { status }]),
        ),
      }),
      watch: ({ service }, context) => this.#watch(service, context),
    };
  }

  /** Says whether the service `name`, or with "" the server, can take calls. */
  set(name: string, serving: boolean): void {
    if (this.#draining) return;
    this.#statuses.set(
      name,
      serving ? ServingStatus.Serving : ServingStatus.NotServing,
    );
    this.#wake();
  }

  /** Says of everything, from now on, that it takes no more calls. */
  drain(): void {
    for (const name of this.#statuses.keys()) this.set(name, false);
    this.#draining = true;
    this.#wake();
  }

  async *#watch(
    service: string,
    { signal }: CallContext,
  ): AsyncGenerator<{ status: ServingStatus }, void, void> {
    let told: ServingStatus | undefined;
    while (!signal.aborted) {
      const status = this.#statuses.get(service) ??
        ServingStatus.ServiceUnknown;
      if (status !== told) {
        told = status;
        yield { status };
      } else if (this.#draining) {
        return;
      } else {
        await this.#change(signal);
      }
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#watches.add(wake);
    signal.addEventListener("abort", wake);
    try {
      await promise;
    } finally {
      this.#watches.delete(wake);
      signal.removeEventListener("abort", wake);
    }
  }

  #wake(): void {
    for (const wake of this.#watches) wake();
  }
}
