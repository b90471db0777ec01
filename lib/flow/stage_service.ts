/**
 * The services that do the work of one stage: chooses an instance for each call, stays away from
 * those that failed until a probe goes well, and says how long to wait when there is none.
 */
import { Breaker } from "../delivery/breaker.ts";
import type { Failure } from "../delivery/work.ts";
import type { ServedKind, ServiceInstance } from "../delivery/ports.ts";
import { backoffMs } from "../delivery/retry.ts";
import { breakersKeptMax, unavailableAfterFailures } from "../limits.ts";
import type { CompiledStage } from "../routing/types.ts";
import type { FlowContext } from "./flow_context.ts";

/** An instance to call; or how long to wait for one of those that failed; or there is none at all. */
export type Choice<Kind extends ServedKind> =
  | { readonly kind: "call"; readonly instance: ServiceInstance<Kind> }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "none" };

/** The services of one stage. */
export class StageService<Kind extends ServedKind> {
  readonly #context: FlowContext;
  readonly #pipelineId: string;
  readonly #stage: CompiledStage;
  readonly #kind: Kind;
  readonly #whenChanged: () => void;
  readonly #breakers: Map<string, Breaker> = new Map();
  /** How often in a row there was no instance, and until when not to look again. */
  #timesNone = 0;
  #noneUntilMs = 0;
  /** Failures since the last success of any instance. */
  #failures = 0;
  #trouble: Failure | undefined;

  constructor(
    context: FlowContext,
    pipelineId: string,
    stage: CompiledStage,
    kind: Kind,
    whenChanged: () => void,
  ) {
    this.#whenChanged = whenChanged;
    this.#context = context;
    this.#pipelineId = pipelineId;
    this.#stage = stage;
    this.#kind = kind;
  }

  /** Why the stage waits for its service; undefined while calls go well. */
  get trouble(): Failure | undefined {
    return this.#trouble;
  }

  /** Whether the service counts as not available. */
  get unavailable(): boolean {
    return this.#timesNone >= unavailableAfterFailures ||
      this.#failures >= unavailableAfterFailures;
  }

  /** An instance for records with this hash. */
  choose(keyHash: number): Choice<Kind> {
    const { ports: { services, clock } } = this.#context;
    const nowMs = clock.monotonicMs();
    let waitMs = Infinity;
    let leftOut = false;
    const instance = services.pick({
      kind: this.#kind,
      pipelineId: this.#pipelineId,
      stageId: this.#stage.id,
      selector: this.#stage.selector,
      pulled: this.#stage.kind === "sink" && this.#stage.delivery === "pull",
      keyHash,
      leaveOut: (id) => {
        const breaker = this.#breakers.get(id);
        if (breaker === undefined || breaker.allows(nowMs)) return false;
        leftOut = true;
        waitMs = Math.min(waitMs, breaker.waitMs(nowMs));
        return true;
      },
    });
    if (instance !== undefined) return { kind: "call", instance };
    return leftOut ? { kind: "wait", ms: waitMs } : { kind: "none" };
  }

  /** There is no instance: how long to wait before looking again. */
  noneFor(): number {
    const { ports: { clock, random } } = this.#context;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.#noneUntilMs) {
      this.#timesNone++;
      this.#noneUntilMs = nowMs +
        backoffMs(this.#stage.retry, this.#timesNone, random);
    }
    const { serviceName } = this.#stage.selector;
    this.#trouble = {
      code: "UNAVAILABLE",
      message:
        `no healthy instance of service "${serviceName}" that the stage selects is registered`,
    };
    return this.#noneUntilMs - nowMs;
  }

  /** Services have come or gone: it is worth a look. */
  lookAgain(): void {
    this.#noneUntilMs = 0;
  }

  /** A call of the instance begins. */
  called({ id }: ServiceInstance<Kind>): void {
    this.#breakers.get(id)?.called();
  }

  /** A call was answered. */
  succeeded({ id }: ServiceInstance<Kind>): void {
    this.#timesNone = this.#failures = 0;
    this.#trouble = undefined;
    if (this.#breakers.delete(id)) this.#whenChanged();
  }

  /** A call failed, and it was the instance's fault. */
  failed({ id }: ServiceInstance<Kind>, failure: Failure): void {
    const { ports: { clock, random } } = this.#context;
    let breaker = this.#breakers.get(id);
    if (breaker === undefined) {
      breaker = new Breaker(this.#stage.retry);
      this.#breakers.set(id, breaker);
      if (this.#breakers.size > breakersKeptMax) this.#forgetOldest();
    }
    const { failures } = breaker;
    breaker.failed(clock.monotonicMs(), random);
    // Calls that fail together are one failure.
    if (breaker.failures > failures) this.#failures++;
    this.#trouble = failure;
    this.#whenChanged();
  }

  /** A call ended in a way that says nothing of the instance. */
  ended({ id }: ServiceInstance<Kind>): void {
    const breaker = this.#breakers.get(id);
    if (breaker === undefined) return;
    breaker.ended();
    this.#whenChanged();
  }

  #forgetOldest(): void {
    const [oldest] = this.#breakers.keys();
    if (oldest !== undefined) this.#breakers.delete(oldest);
  }
}
