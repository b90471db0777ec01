/**
 * SidecarCoordinator: which sidecars there are, and which stages each of them runs. A registration is
 * committed before it is answered. A heartbeat brings what leads from what the sidecar knows to what
 * it is to run; a sidecar that does not say what it knows is taken to know what it was last told, which
 * stands in the replicated state, so that whichever router answers next forgets and repeats nothing.
 */
import type { MessageInit } from "../../proto/codec.ts";
import {
  type DeregisterSidecarRequest,
  type DeregisterSidecarResponse,
  EventType,
  type HeartbeatResponse,
  type KnownAssignments,
  type PipelineAssignment,
  type PipelineAssignmentEvent,
  type RegisterSidecarRequest,
  type RegisterSidecarResponse,
  type SidecarCoordinatorMethods,
  type SidecarHeartbeatRequest,
  type WatchAssignmentsRequest,
} from "../../proto/messages/sidecar.ts";
import { LeaseKind, type Sidecar } from "../../proto/messages/state.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import type { LeaseKeeper } from "../consensus/lease_keeper.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { requiredString } from "../options.ts";
import type { CallContext } from "../rpc/handler.ts";
import { refusalError } from "../state/answer.ts";
import { checkedSidecar } from "../state/sidecar_rules.ts";
import type { Untold } from "../state/assignments.ts";
import type { StateEvent } from "../state/types.ts";
import { configOf } from "./admin_handler.ts";
import { isReplaced } from "./is_replaced.ts";
import { leaseTtlOf } from "./lease_ttl.ts";
import { nameFrom, requestIdOf } from "./request_id.ts";
import { newerThan, requireHeld } from "./sidecar_holder.ts";
import { durationOf, timestampOf } from "./wire_time.ts";

/** SidecarCoordinator, for the server to serve. */
export const sidecarService: Service<SidecarCoordinatorMethods> = serviceOf(
  "conveyor.sidecar.SidecarCoordinator",
);

/**
 * Serves `conveyor.sidecar.SidecarCoordinator` on a node of the router.
 *
 * `RegisterSidecar`, `Heartbeat` and `DeregisterSidecar` answer `InvalidArgument` that names the field
 * for what is malformed, `NotFound` with the id for a sidecar that is not registered, and `Unavailable`
 * while no majority of the nodes can be reached. A heartbeat of a sidecar that is not registered, or
 * whose registration was replaced, is answered with `acknowledged` unset, and in the second case with
 * where the sidecar is that has the id now; the watch of such a registration ends with `NotFound` or
 * `FailedPrecondition`.
 *
 * @example A router serves it, to sidecars in any language
 * ```ts
 * import { CoordinatorClient, RouterServer } from "@conveyor/grpc";
 *
 * await using router = new RouterServer({
 *   grpcAddr: "127.0.0.1:0",
 *   httpAddr: "",
 *   dataDir: await Deno.makeTempDir(),
 * });
 * const { grpc } = await router.start();
 * await using coordinator = await CoordinatorClient.connect(`http://${grpc}`);
 * const { leaseTtl } = await coordinator.register({
 *   sidecarId: "pod-7",
 *   sidecarEndpoint: "http://10.0.0.7:9091",
 * });
 * console.log(`a heartbeat is due within ${leaseTtl?.seconds} s`);
 * ```
 */
export class SidecarCoordinatorImpl {
  readonly #replicated: ReplicatedState;
  readonly #leases: LeaseKeeper;

  /** Over the replicated state of a node, and the leases that it keeps. */
  constructor(replicated: ReplicatedState, leases: LeaseKeeper) {
    this.#replicated = replicated;
    this.#leases = leases;
  }

  /** Enters a sidecar, and answers what it is to run now. */
  async registerSidecar(
    request: RegisterSidecarRequest,
    context: CallContext,
  ): Promise<MessageInit<RegisterSidecarResponse>> {
    const { sidecarId, podName, namespace, sidecarEndpoint } = request;
    requiredString("sidecar_id", sidecarId);
    requiredString("sidecar_endpoint", sidecarEndpoint);
    const requestId = requestIdOf(context);
    const registrationId = nameFrom(requestId);
    const leaseTtlMs = leaseTtlOf(request.heartbeatInterval);
    const action = `register sidecar "${sidecarId}"`;
    const sidecar: Sidecar = {
      sidecarId,
      podName,
      namespace,
      endpoint: sidecarEndpoint,
      services: request.localServices,
      registrationId,
      leaseTtlMs,
      registeredAtMs: 0,
      expired: false,
      draining: false,
      unhealthy: [],
      told: {},
      toldDraining: false,
    };
    // What no node takes is not sent to each of them first: it may be large.
    const checked = checkedSidecar(sidecar, 0);
    if ("refusal" in checked) throw refusalError(action, checked.refusal);
    await this.#replicated.change(
      action,
      { registerSidecar: { sidecar } },
      context.signal,
      requestId,
    );
    const { sidecars, assignments } = this.#replicated.state;
    const entered = sidecars.get(sidecarId);
    const held = assignments.of(sidecarId);
    // Made before anything is waited for: pipelines may be other ones afterwards.
    const initialAssignments = held.map(({ assignment }) =>
      this.#whole(assignment)
    );
    const isEntered = entered?.registrationId === registrationId;
    if (isEntered) await this.#tellRest(entered, context.signal);
    return {
      success: true,
      registrationId,
      initialAssignments,
      versions: Object.fromEntries(
        held.map(({ assignment, version }) => [
          assignment.pipelineId,
          BigInt(version),
        ]),
      ),
      leaseTtl: durationOf(leaseTtlMs),
      registeredAt: isEntered ? timestampOf(entered.registeredAtMs) : undefined,
    };
  }

  /** Renews a lease, notes the health of services, and answers what is to change. */
  async heartbeat(
    request: SidecarHeartbeatRequest,
    { signal }: CallContext,
  ): Promise<MessageInit<HeartbeatResponse>> {
    const { sidecarId } = request;
    requiredString("sidecar_id", sidecarId);
    const state = await this.#replicated.upToDate(signal);
    const registrationId = request.registrationId ||
      state.sidecars.get(sidecarId)?.registrationId;
    if (!registrationId) return this.#refused(request);
    const lease = { kind: LeaseKind.Sidecar, id: sidecarId, registrationId };
    if ((await this.#leases.renew(lease)).kind !== "renewed") {
      return this.#refused(request);
    }
    try {
      await this.#noteHealth(request, registrationId, signal);
      const sidecar = state.sidecars.get(sidecarId);
      if (sidecar?.registrationId !== registrationId) {
        return this.#refused(request);
      }
      return await this.#answer(sidecar, request.known, signal);
    } catch (error) {
      if (isReplaced(error)) return this.#refused(request);
      throw error;
    }
  }

  /** Tells what a sidecar is to run, then each change. */
  async *watchPipelineAssignments(
    { sidecarId, registrationId }: WatchAssignmentsRequest,
    { signal }: CallContext,
  ): AsyncGenerator<MessageInit<PipelineAssignmentEvent>, void, void> {
    requiredString("sidecar_id", sidecarId);
    const { metadata } = this.#replicated;
    const state = await this.#replicated.upToDate(signal);
    requireHeld(state.sidecars.get(sidecarId), sidecarId, registrationId);
    // Taken in one go, so that no change falls between the two.
    const index = metadata.appliedIndex;
    const held = state.assignments.of(sidecarId);
    for (const { assignment } of held) {
      yield {
        eventType: EventType.Assigned,
        assignment: this.#whole(assignment),
      };
    }
    const isOwn = (event: StateEvent): boolean =>
      event.kind === "assignmentChanged"
        ? event.sidecarId === sidecarId
        : registrationId !== "" && event.kind === "sidecarChanged" &&
          event.sidecar.sidecarId === sidecarId;
    for await (const { event } of metadata.watch(index, signal, isOwn)) {
      if (event.kind === "sidecarChanged") {
        const held = event.change === "removed" ? undefined : event.sidecar;
        requireHeld(held, sidecarId, registrationId);
      }
      if (event.kind !== "assignmentChanged") continue;
      const { change, assignment } = event;
      yield {
        eventType: eventTypes[change],
        assignment: this.#whole(assignment),
      };
    }
  }

  /** Takes a sidecar out; with `drain` it only gets nothing new, and finishes what it runs. */
  async deregisterSidecar(
    request: DeregisterSidecarRequest,
    context: CallContext,
  ): Promise<MessageInit<DeregisterSidecarResponse>> {
    const { sidecarId, drain } = request;
    requiredString("sidecar_id", sidecarId);
    const registrationId = request.registrationId ||
      await this.#presentRegistration(sidecarId, context.signal);
    const of = { sidecarId, registrationId };
    await this.#replicated.change(
      `${drain ? "drain" : "deregister"} sidecar "${sidecarId}"`,
      drain
        ? { setSidecarDraining: { ...of, draining: true } }
        : { deregisterSidecar: of },
      context.signal,
      requestIdOf(context),
    );
    return { success: true };
  }

  /** To a registration that does not hold its id. */
  #refused(request: SidecarHeartbeatRequest): MessageInit<HeartbeatResponse> {
    const { sidecars } = this.#replicated.state;
    const replacedBy = newerThan(request, sidecars.get(request.sidecarId));
    return { acknowledged: false, replacedBy: replacedBy?.endpoint ?? "" };
  }

  async #presentRegistration(
    sidecarId: string,
    signal: AbortSignal,
  ): Promise<string> {
    const state = await this.#replicated.upToDate(signal);
    return state.sidecars.get(sidecarId)?.registrationId ?? "";
  }

  /** Has a health that is new known everywhere; a sidecar that tells of no service says nothing. */
  async #noteHealth(
    { sidecarId, serviceHealth }: SidecarHeartbeatRequest,
    registrationId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const sidecar = this.#replicated.state.sidecars.get(sidecarId);
    if (!sidecar || serviceHealth.length === 0) return;
    const names = new Set(sidecar.services.map((each) => each.serviceName));
    const unhealthy = new Set(
      serviceHealth.filter(({ healthy, serviceName }) =>
        !healthy && names.has(serviceName)
      ).map(({ serviceName }) => serviceName),
    );
    const known = new Set(sidecar.unhealthy);
    if (unhealthy.symmetricDifference(known).size === 0) return;
    await this.#replicated.change(
      `change the health of sidecar "${sidecarId}"`,
      {
        setSidecarHealth: {
          sidecarId,
          registrationId,
          unhealthy: [...unhealthy],
        },
      },
      signal,
    );
  }

  async #answer(
    sidecar: Readonly<Sidecar>,
    known: KnownAssignments | undefined,
    signal: AbortSignal,
  ): Promise<MessageInit<HeartbeatResponse>> {
    const { assignments } = this.#replicated.state;
    const untold = assignments.untold(
      known ? { ...sidecar, ...asTold(known) } : sidecar,
    );
    // Made before anything is waited for: pipelines may be other ones afterwards.
    const commands = untold.commands.map((command) =>
      command.assign ? { assign: this.#whole(command.assign) } : command
    );
    if (!known && commands.length > 0) {
      await this.#tell(sidecar, untold, signal);
    }
    return {
      acknowledged: true,
      commands,
      versions: Object.fromEntries(
        Object.entries(untold.told).map(([id, version]) => [
          id,
          BigInt(version),
        ]),
      ),
    };
  }

  /** Notes what changed since a sidecar was entered: it is told of its assignments as they are now. */
  async #tellRest(
    sidecar: Readonly<Sidecar>,
    signal: AbortSignal,
  ): Promise<void> {
    const untold = this.#replicated.state.assignments.untold(sidecar);
    if (untold.commands.length === 0) return;
    try {
      await this.#tell(sidecar, untold, signal);
    } catch (error) {
      // Its next heartbeat says so.
      if (!isReplaced(error)) throw error;
    }
  }

  /** An assignment with the pipeline that it is of, which stands in the state once. */
  #whole(
    assignment: MessageInit<PipelineAssignment>,
  ): MessageInit<PipelineAssignment> {
    const { pipelines } = this.#replicated.state;
    const pipeline = pipelines.get(assignment.pipelineId ?? "");
    return pipeline === undefined
      ? assignment
      : { ...assignment, config: configOf(pipeline) };
  }

  /** Notes what a sidecar is being told, unless it has left before it could hear of it. */
  async #tell(
    sidecar: Readonly<Sidecar>,
    { told, toldDraining }: Untold,
    signal: AbortSignal,
  ): Promise<void> {
    const { sidecarId, registrationId } = sidecar;
    const action = `note what sidecar "${sidecarId}" was told`;
    const of = { sidecarId, registrationId };
    await this.#replicated.change(action, {
      tellSidecar: { ...of, told, toldDraining },
    });
    if (!signal.aborted) return;
    await this.#replicated.change(action, {
      tellSidecar: {
        ...of,
        told: sidecar.told,
        toldDraining: sidecar.toldDraining,
      },
    });
  }
}

const eventTypes = {
  assigned: EventType.Assigned,
  updated: EventType.Updated,
  revoked: EventType.Revoked,
} as const;

function asTold(
  { versions, draining }: KnownAssignments,
): Pick<Sidecar, "told" | "toldDraining"> {
  const told = Object.entries(versions).map(([id, version]) =>
    [id, Number(version)] as const
  );
  return { told: Object.fromEntries(told), toldDraining: draining };
}
