/**
 * Gathers changes of one kind into few commands: those that come while a command is under way go with
 * the next one, so that the log grows with the time that commands take and not with their number. Each
 * caller is told what became of its own change.
 */
import { asConveyorError, Code, ConveyorError } from "../errors.ts";
import { gatheredMax, gatheredWaitingMax } from "../limits.ts";
import { within } from "./within.ts";

/** Has changes carried out together, and tells of each what became of it, in their order. */
export type CarryOut<Change, Result> = (
  changes: readonly Change[],
) => Promise<readonly Result[]>;

interface Waiting<Change, Result> {
  readonly change: Change;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: Error) => void;
}

/** The changes of one node's callers. */
export class Gatherer<Change, Result> {
  readonly #carryOut: CarryOut<Change, Result>;
  #waiting: Waiting<Change, Result>[] = [];
  #underWay = false;

  constructor(carryOut: CarryOut<Change, Result>) {
    this.#carryOut = carryOut;
  }

  /** Has a change carried out with others; waits no longer than `signal` allows. */
  async add(change: Change, signal: AbortSignal): Promise<Result> {
    if (this.#waiting.length >= gatheredWaitingMax) {
      throw new ConveyorError(
        Code.ResourceExhausted,
        `Cannot take the change: ${gatheredWaitingMax} wait on this node already`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({ change, resolve, reject });
    if (!this.#underWay) void this.#runAll();
    return await within(promise, signal);
  }

  async #runAll(): Promise<void> {
    this.#underWay = true;
    while (this.#waiting.length > 0) {
      await this.#run(this.#waiting.splice(0, gatheredMax));
    }
    this.#underWay = false;
  }

  /** What is wrong with one of them must not hit the others: they are tried by halves. */
  async #run(waiting: readonly Waiting<Change, Result>[]): Promise<void> {
    try {
      const results = await this.#carryOut(waiting.map((each) => each.change));
      waiting.forEach(({ resolve }, at) => resolve(results[at]!));
    } catch (thrown) {
      const error = asConveyorError(thrown);
      const refused = error.code === Code.InvalidArgument ||
        error.code === Code.ResourceExhausted;
      if (!refused || waiting.length === 1) {
        for (const { reject } of waiting) reject(error);
        return;
      }
      const half = waiting.length >> 1;
      await this.#run(waiting.slice(0, half));
      await this.#run(waiting.slice(half));
    }
  }
}
