/** Enters sidecars with a router, and hears from it which stages they are to run. */
import { Code, ConveyorError } from "../lib/errors.ts";
import { requiredString } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import type {
  HeartbeatResponse,
  PipelineAssignmentEvent,
  RegisterSidecarRequest,
  RegisterSidecarResponse,
  SidecarCoordinatorMethods,
  SidecarHeartbeatRequest,
} from "../proto/messages/sidecar.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { onlyItem } from "./only_item.ts";
import { RouterChannel } from "./router_channel.ts";
import type { CallOptions, Transport } from "./transport.ts";

const { methods }: Service<SidecarCoordinatorMethods> = serviceOf(
  "conveyor.sidecar.SidecarCoordinator",
);

/**
 * A client of the coordinator of sidecars, over one or several routers of a cluster. A call that meets
 * a router which is gone is repeated on another, and carried out once.
 *
 * Every method rejects with a `ConveyorError`: `NotFound` with the id of a sidecar that is not
 * registered, `FailedPrecondition` for a registration that was replaced, `InvalidArgument` that names
 * the field, and `Unavailable` when no router can be reached or no majority of them.
 *
 * @example Keep a sidecar registered, and do what it is told
 * ```ts
 * import { CoordinatorClient, type SidecarCommand } from "@conveyor/grpc";
 *
 * async function run(routers: readonly string[], obey: (command: SidecarCommand) => void) {
 *   await using coordinator = await CoordinatorClient.connect(routers);
 *   const { registrationId, registeredAt, ...answer } = await coordinator.register({
 *     sidecarId: "pod-7",
 *     sidecarEndpoint: "http://10.0.0.7:9091",
 *     localServices: [{ serviceName: "enrich", localEndpoint: "http://localhost:50051" }],
 *   });
 *   for (const assign of answer.initialAssignments) obey({ assign });
 *   let known = { versions: answer.versions, draining: false };
 *   for (;;) {
 *     await new Promise((resolve) => setTimeout(resolve, 5_000));
 *     const answer = await coordinator.heartbeat({
 *       sidecarId: "pod-7",
 *       registrationId,
 *       registeredAt,
 *       known,
 *     });
 *     if (answer.replacedBy !== "") throw new Error(`${answer.replacedBy} has the id`);
 *     if (!answer.acknowledged) return; // to be registered again
 *     for (const command of answer.commands) obey(command);
 *     known = { versions: answer.versions, draining: known.draining };
 *   }
 * }
 * ```
 */
export class CoordinatorClient implements AsyncDisposable {
  readonly #transport: Transport;

  /** A client over a connection that exists already; `connect` makes one. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Connects to a router, or to the first of several that answers. */
  static async connect(
    routers: string | readonly string[],
    options?: ConnectOptions,
  ): Promise<CoordinatorClient> {
    return new CoordinatorClient(await RouterChannel.connect(routers, options));
  }

  /** Enters a sidecar; resolves with what it is to run now. Who held its id before is replaced. */
  async register(
    request: MessageInit<RegisterSidecarRequest>,
    options?: CallOptions,
  ): Promise<RegisterSidecarResponse> {
    requiredString("sidecarId", request.sidecarId);
    const { message } = await this.#transport.unary(
      methods.registerSidecar,
      request,
      options,
    );
    if (message.success) return message;
    throw new ConveyorError(
      Code.FailedPrecondition,
      `Cannot register sidecar "${request.sidecarId}": ${message.error}`,
    );
  }

  /**
   * Renews a lease; the answer has what the sidecar is to change, in order. A sidecar that gives what
   * it has `known`, as the answers before said, misses nothing when an answer is lost. One that is not
   * `acknowledged` is to be registered again, unless it was `replacedBy` another.
   */
  async heartbeat(
    request: MessageInit<SidecarHeartbeatRequest>,
    options?: CallOptions,
  ): Promise<HeartbeatResponse> {
    requiredString("sidecarId", request.sidecarId);
    const { message } = await this.#transport.unary(
      methods.heartbeat,
      request,
      options,
    );
    return message;
  }

  /**
   * The present assignments of a sidecar, then each change. Ends with `Aborted` when the caller reads
   * too slowly, and with `Unavailable` when the router is lost: watch again from the beginning. With a
   * registration it ends, too, when that holds the id no more: with `FailedPrecondition` when another
   * does, and with `NotFound` when none does.
   */
  watchAssignments(
    sidecarId: string,
    options: CallOptions & { readonly registrationId?: string } = {},
  ): AsyncIterable<PipelineAssignmentEvent> {
    requiredString("sidecarId", sidecarId);
    const { registrationId = "" } = options;
    return this.#transport.stream(
      methods.watchPipelineAssignments,
      onlyItem({ sidecarId, registrationId }),
      options,
    );
  }

  /**
   * Takes a sidecar out, so that its stages go to others; with `drain` it stays registered and gets
   * nothing new while it finishes what it runs.
   */
  async deregister(
    sidecarId: string,
    registrationId: string,
    drain = false,
    options?: CallOptions,
  ): Promise<void> {
    await this.#transport.unary(methods.deregisterSidecar, {
      sidecarId: requiredString("sidecarId", sidecarId),
      registrationId: requiredString("registrationId", registrationId),
      drain,
    }, options);
  }

  /** Ends the connection. Idempotent. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
