/**
 * The network between nodes, and between clients and nodes: every way between two has its own delay,
 * and any of them may be cut, in one direction or both. It loses, repeats, delays and reorders, but it
 * damages nothing: that is for the tests of the frames.
 */
import { Code, ConveyorError } from "../../lib/errors.ts";
import type { Chance } from "./chance.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** Time after which whoever called and heard nothing gives up. */
const callTimeoutMs = 1_500;

export class Network {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #cut = new Set<string>();
  /** Share of what is sent that is lost. */
  loss = 0;
  /** Share of what is sent that arrives twice. */
  duplication = 0;
  /** Times the usual delay. */
  slowness = 1;
  /** What was lost, on purpose or by a cut. */
  lost = 0;

  constructor(world: World) {
    this.#world = world;
    this.#chance = world.chance("network");
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** Has `arrive` happen at `to`, or not, or twice. Whether it was sent at all. */
  send(from: number, to: number, arrive: () => void): boolean {
    if (this.isCut(from, to) || this.#chance.happens(this.loss)) {
      this.lost++;
      return false;
    }
    this.#world.after(this.#delayMs(), to, arrive);
    if (this.duplication > 0 && this.#chance.happens(this.duplication)) {
      this.#world.after(this.#delayMs(), to, arrive);
    }
    return true;
  }

  /**
   * Calls `work` at `to` and gives its outcome back to `from`. Unavailable when the call or its answer
   * was lost, or `to` is gone: whether it was done is not known then. `reach` gives the process that
   * runs at `to` when the call arrives; that one gets it, even if another has taken its place meanwhile.
   */
  call<T, Target extends { readonly process: Process }>(
    from: Process,
    to: number,
    reach: () => Target | undefined,
    work: (target: Target, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const unavailable = (): void => reject(lostCall(to));
    // Its own end ends the work at the other side too.
    const controller = new AbortController();
    const timer = from.after(callTimeoutMs, () => {
      unavailable();
      controller.abort(lostCall(to));
    });
    const answer = (settle: () => void): void => {
      this.#once(to, from.node, () =>
        from.enter(() => {
          timer.cancelled = true;
          settle();
        }));
    };
    this.#once(from.node, to, () => {
      const target = reach();
      if (target === undefined) return answer(unavailable);
      target.process.enter(() => {
        work(target, controller.signal).then(
          (value) => answer(() => resolve(value)),
          (error) => answer(() => reject(error)),
        );
      });
    });
    return promise;
  }

  /** As `send`, but never twice: calls go over connections. */
  #once(from: number, to: number, arrive: () => void): void {
    if (this.isCut(from, to) || this.#chance.happens(this.loss)) this.lost++;
    else this.#world.after(this.#delayMs(), to, arrive);
  }

  #delayMs(): number {
    return this.#chance.heavyTail(1, 300) * this.slowness;
  }
}

function lostCall(to: number): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    `Cannot reach node ${to}: no answer came`,
  );
}
