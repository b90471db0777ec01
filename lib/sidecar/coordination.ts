/**
 * Keeps a sidecar registered with the cluster and its duties as the cluster wants them. A heartbeat says
 * what the sidecar knows, so that an answer that was lost is given again; a watch only tells that there
 * is something new, and the heartbeat that follows brings it. A cluster that is away, or a lease that was
 * lost, stops nothing: the sidecar goes on with what it was told last, and registers again. One whose id
 * another has registered since does not: the newer one wins, and two would take it from each other for
 * ever.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CoordinatorClient } from "../../clients/coordinator_client.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { Timestamp } from "../../proto/messages/google.ts";
import type {
  RegisterSidecarRequest,
  SidecarCommand,
  SidecarHeartbeatRequest,
} from "../../proto/messages/sidecar.ts";
import { systemClock } from "../clock.ts";
import { backoffMs, resolveRetryPolicy } from "../delivery/retry.ts";
import { Code, ConveyorError, messageOf } from "../errors.ts";
import { isReplaced } from "../handlers/is_replaced.ts";
import { durationOf, msOf } from "../handlers/wire_time.ts";
import { leaseTtlMsMin, leaseTtlPerHeartbeat } from "../limits.ts";
import { log } from "../log.ts";
import { newRequestId, requestIdKey } from "../metadata_keys.ts";
import { systemRandom } from "../random.ts";
import type { Duties } from "./duties.ts";

/** What the sidecar says with each heartbeat. */
export type SidecarState = Pick<
  MessageInit<SidecarHeartbeatRequest>,
  "serviceHealth" | "load"
>;

/** What the coordination is done with. */
export interface CoordinationParts {
  readonly coordinator: Pick<
    CoordinatorClient,
    "register" | "heartbeat" | "watchAssignments" | "deregister"
  >;
  readonly duties: Duties;
  readonly sidecarId: string;
  /** What the sidecar is now. */
  readonly registration: () => MessageInit<RegisterSidecarRequest>;
  /** Looks at its services; whether there are others than before, so that it is to be registered anew. */
  readonly look: (signal: AbortSignal) => Promise<boolean>;
  /** What the cluster wants, or what there is in the pod, may have changed. */
  readonly told: () => void;
  /** How it is, as far as it has looked. */
  readonly state: () => SidecarState;
  /** Another has the id: the sidecar is to end. Called once, and nothing is said to the cluster after. */
  readonly replaced: (reason: ConveyorError) => void;
  /** Pause between heartbeats; the cluster may want it shorter. */
  readonly heartbeatIntervalMs: number;
}

/** The coordination of one sidecar. */
export class Coordination {
  readonly #parts: CoordinationParts;
  readonly #closing = new AbortController();
  #intervalMs: number;
  /** Empty: it is to be registered. */
  #registrationId = "";
  /** When it was, by the clock of the cluster. */
  #registeredAt: Timestamp | undefined;
  /** One for all attempts to register: an attempt that comes late is not taken for another sidecar. */
  #requestId = newRequestId();
  #versions: { readonly [pipelineId: string]: bigint } = {};
  #draining = false;
  /** When services are to be looked at again. */
  #lookAtMs = 0;
  /** One that does not answer takes its time: heartbeats do not wait for it. */
  #looking: Promise<void> | undefined;
  /** Whether there are other services than it registered with. */
  #changed = false;
  /** Whether something is to be done before the pause is over, and how to end the pause. */
  #hurry = false;
  #wake: () => void = () => {};
  readonly #registered = Promise.withResolvers<void>();
  #working: Promise<unknown> | undefined;

  constructor(parts: CoordinationParts) {
    this.#parts = parts;
    this.#intervalMs = parts.heartbeatIntervalMs;
  }

  /** Begins; resolves with the first registration, or when it is closed before. */
  async start(): Promise<void> {
    this.#working = Promise.all([this.#keepAlive(), this.#keepWatching()]);
    await this.#registered.promise;
  }

  /** Tells the cluster that the sidecar is to get nothing new; heartbeats go on. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    await this.#deregister(true, timeoutMs);
  }

  /** Ends the heartbeats, and takes the sidecar out if the cluster can be told in time. Idempotent. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort();
    this.#wake();
    this.#registered.resolve();
    await this.#working;
    await this.#looking;
    await this.#deregister(false, timeoutMs);
    this.#registrationId = "";
  }

  async #deregister(drain: boolean, timeoutMs: number): Promise<void> {
    const { coordinator, sidecarId } = this.#parts;
    if (this.#registrationId === "") return;
    try {
      await coordinator.deregister(sidecarId, this.#registrationId, drain, {
        timeoutMs: Math.max(1, timeoutMs),
      });
    } catch (error) {
      // Its lease ends by itself: the sidecar does not stay for it.
      log.warn("Cannot tell the cluster that the sidecar leaves", {
        reason: messageOf(error),
      });
    }
  }

  async #keepAlive(): Promise<void> {
    const { signal } = this.#closing;
    const policy = resolveRetryPolicy();
    let failures = 0;
    while (!signal.aborted) {
      this.#hurry = false;
      try {
        if (this.#registrationId === "") await this.#register();
        else await this.#beat();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        log.warn("The sidecar cannot reach its cluster, and goes on trying", {
          reason: messageOf(error),
        });
      }
      const pauseMs = failures === 0 ? this.#intervalMs : Math.min(
        this.#intervalMs,
        backoffMs(policy, failures, systemRandom),
      );
      if (this.#registrationId !== "" || failures > 0) {
        await this.#pause(pauseMs);
      }
    }
  }

  async #register(): Promise<void> {
    const { coordinator, duties, registration } = this.#parts;
    // All attempts are to say the same.
    await this.#looking;
    this.#changed = false;
    const { registrationId, registeredAt, leaseTtl, ...answer } =
      await coordinator.register({
        ...registration(),
        heartbeatInterval: durationOf(this.#parts.heartbeatIntervalMs),
      }, {
        ...this.#callOptions(),
        metadata: { [requestIdKey]: this.#requestId },
      });
    this.#requestId = newRequestId();
    this.#intervalMs = Math.min(
      this.#parts.heartbeatIntervalMs,
      (msOf(leaseTtl) ?? Infinity) / leaseTtlPerHeartbeat,
    );
    this.#registrationId = registrationId;
    this.#registeredAt = registeredAt;
    this.#versions = answer.versions;
    duties.replaceAll(answer.initialAssignments);
    this.#parts.told();
    log.info("The sidecar is registered", {
      pipelines: duties.pipelineIds.join(),
    });
    this.#registered.resolve();
    // One that is about to leave says so again, under its new registration.
    if (this.#draining) await this.#deregister(true, this.#intervalMs);
  }

  /** A heartbeat. One that comes early says how services were when they were looked at last. */
  async #beat(): Promise<void> {
    const { coordinator, sidecarId, state } = this.#parts;
    await this.#look();
    if (this.#changed) {
      this.#registrationId = "";
      return;
    }
    const answer = await coordinator.heartbeat({
      sidecarId,
      registrationId: this.#registrationId,
      registeredAt: this.#registeredAt,
      known: { versions: this.#versions, draining: this.#draining },
      ...state(),
    }, this.#callOptions());
    if (!answer.acknowledged) {
      this.#registrationId = "";
      if (answer.replacedBy === "") {
        log.warn("The cluster has forgotten the sidecar: it registers again");
        return;
      }
      this.#closing.abort();
      this.#parts.replaced(replaced(sidecarId, answer.replacedBy));
      return;
    }
    for (const command of answer.commands) this.#obey(command);
    this.#versions = answer.versions;
    this.#parts.told();
  }

  /** Looks at its services when it is time to; waits for what there is to see, but not for long. */
  async #look(): Promise<void> {
    const { look } = this.#parts;
    const nowMs = systemClock.monotonicMs();
    if (nowMs >= this.#lookAtMs) {
      this.#lookAtMs = nowMs + this.#intervalMs;
      this.#looking ??= look(this.#closing.signal).then((changed) => {
        this.#changed ||= changed;
      }).catch((error) => {
        log.warn("The sidecar cannot look at the services of its pod", {
          reason: messageOf(error),
        });
      }).finally(() => {
        this.#looking = undefined;
        this.#wake();
      });
    }
    if (this.#looking) await this.#pause(this.#intervalMs);
  }

  #obey(command: SidecarCommand): void {
    const { assign, revoke, drain } = command;
    if (drain && drain.pipelineIds.length === 0) {
      this.#draining = true;
      log.info("The sidecar is to take nothing new");
    }
    this.#parts.duties.obey(command);
    if (assign) {
      log.info("The sidecar runs a pipeline", { pipeline: assign.pipelineId });
    }
    if (revoke) {
      log.info("The sidecar runs a pipeline no more", {
        pipeline: revoke.pipelineId,
      });
    }
  }

  /** Sees that there is something new before the next heartbeat would. */
  async #keepWatching(): Promise<void> {
    const { signal } = this.#closing;
    await this.#registered.promise;
    while (!signal.aborted) {
      if (this.#registrationId !== "") await this.#watch(this.#registrationId);
      await delay(this.#intervalMs, undefined, { signal }).catch(() => {});
    }
  }

  async #watch(registrationId: string): Promise<void> {
    const { coordinator, sidecarId } = this.#parts;
    const { signal } = this.#closing;
    try {
      const events = coordinator.watchAssignments(sidecarId, {
        registrationId,
        signal,
      });
      for await (const _ of events) this.#nudge();
    } catch (error) {
      if (signal.aborted) return;
      log.debug("The watch of the assignments ended", {
        reason: messageOf(error),
      });
      if (isReplaced(error)) this.#nudge();
    }
  }

  #nudge(): void {
    this.#hurry = true;
    this.#wake();
  }

  async #pause(ms: number): Promise<void> {
    if (this.#hurry || this.#closing.signal.aborted) return;
    const over = Promise.withResolvers<void>();
    this.#wake = over.resolve;
    const timer = setTimeout(over.resolve, ms);
    await over.promise;
    clearTimeout(timer);
  }

  /** A router that is silent for as long as a heartbeat is left for another. */
  #callOptions(): { readonly signal: AbortSignal; readonly timeoutMs: number } {
    return {
      signal: this.#closing.signal,
      timeoutMs: Math.max(Math.ceil(this.#intervalMs), leaseTtlMsMin),
    };
  }
}

function replaced(sidecarId: string, holder: string): ConveyorError {
  return new ConveyorError(
    Code.AlreadyExists,
    `Cannot go on as sidecar "${sidecarId}": ${holder} has registered under that id since`,
  );
}
