/** Says in the log when a stage begins to wait and why, and when it goes on: once each. */
import type { Flow } from "../flow/flow.ts";
import { troubleLogMs } from "../limits.ts";
import { type Log, log } from "../log.ts";
import type { Scheduler } from "../scheduler.ts";
import { textOf } from "./flow_activity.ts";

/** What is looked at. */
export type WatchedFlow = Pick<Flow, "pipelineIds" | "report">;

/** The look-out of one node. */
export class TroubleLog {
  readonly #flow: WatchedFlow;
  readonly #scheduler: Scheduler;
  readonly #log: Pick<Log, "info" | "warn">;
  /** What was said, by pipeline and stage. */
  #said: Map<string, string> = new Map();
  #cancel: () => void;

  constructor(
    flow: WatchedFlow,
    scheduler: Scheduler,
    to: Pick<Log, "info" | "warn"> = log,
  ) {
    this.#flow = flow;
    this.#scheduler = scheduler;
    this.#log = to;
    this.#cancel = this.#lookLater();
  }

  /** Looks no more. Idempotent. */
  close(): void {
    this.#cancel();
  }

  #lookLater(): () => void {
    return this.#scheduler.after(troubleLogMs, () => {
      this.#look();
      this.#cancel = this.#lookLater();
    });
  }

  #look(): void {
    const waiting = new Map<string, string>();
    for (const pipeline of this.#flow.pipelineIds) {
      const { stages = new Map() } = this.#flow.report(pipeline) ?? {};
      for (const [stage, { trouble, buffered }] of stages) {
        const place = JSON.stringify([pipeline, stage]);
        const reason = textOf(trouble);
        const before = this.#said.get(place);
        if (reason === "") {
          if (before) this.#log.info("A stage goes on", { pipeline, stage });
          continue;
        }
        waiting.set(place, reason);
        if (before === undefined) {
          this.#log.warn("A stage waits", {
            pipeline,
            stage,
            buffered,
            reason,
          });
        }
      }
    }
    this.#said = waiting;
  }
}
