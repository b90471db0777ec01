/** Runs simulations in a thread of its own: a job comes in, its outcome goes out. */
import { configureLog } from "../../lib/log.ts";
import {
  simulate,
  type SimulationOptions,
  type SimulationResult,
} from "./simulation.ts";

/** A result as it passes between threads: histories are long, and seldom wanted. */
export type SimulationOutcome = Omit<SimulationResult, "history">;

/** The part of a worker's global scope that this uses. */
interface Scope {
  onmessage: (event: MessageEvent<SimulationOptions>) => void;
  postMessage(outcome: SimulationOutcome): void;
}

const scope = globalThis as unknown as Scope;
// Nodes that stop are what a simulation is about.
configureLog({ level: "CRITICAL" });
scope.onmessage = async ({ data }) => {
  const { history: _, ...outcome } = await simulate(data);
  scope.postMessage(outcome);
};
