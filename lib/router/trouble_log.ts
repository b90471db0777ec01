/** Says in the log when a stage begins to wait and why, and when it goes on: once each. */
import type { Flow } from "../flow/flow.ts";
import { troubleLogMs } from "../limits.ts";
import { type Log, log } from "../log.ts";
import type { Scheduler } from "../scheduler.ts";
import { textOf } from "./flow_activity.ts";

/** What is looked at. */
export type WatchedFlow = Pick<Flow, "troubledIds" | "report">;

/** The look-out of one node. */
export class TroubleLog {
  readonly #flow: WatchedFlow;
  readonly #scheduler: Scheduler;
  readonly #log: Pick<Log, "info" | "warn">;
  /** The stages of which it was said that they wait, by pipeline. */
  #waiting: ReadonlyMap<string, ReadonlySet<string>> = new Map();
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

  /** Of the pipelines where all goes well there may be thousands: they are not looked at. */
  #look(): void {
    const waiting = new Map<string, ReadonlySet<string>>();
    const before = this.#waiting;
    for (
      const pipeline of new Set([...this.#flow.troubledIds, ...before.keys()])
    ) {
      const stages = this.#stagesThatWait(pipeline, before.get(pipeline));
      if (stages.size > 0) waiting.set(pipeline, stages);
    }
    this.#waiting = waiting;
  }

  #stagesThatWait(
    pipeline: string,
    before: ReadonlySet<string> = new Set(),
  ): ReadonlySet<string> {
    const waiting = new Set<string>();
    const { stages = new Map() } = this.#flow.report(pipeline) ?? {};
    for (const [stage, { trouble, buffered }] of stages) {
      const reason = textOf(trouble);
      const said = before.has(stage);
      if (reason !== "") waiting.add(stage);
      if (reason !== "" && !said) {
        this.#log.warn("A stage waits", { pipeline, stage, buffered, reason });
      }
      if (reason === "" && said) {
        this.#log.info("A stage goes on", { pipeline, stage });
      }
    }
    return waiting;
  }
}
