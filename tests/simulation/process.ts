/**
 * A process of the operating system, as far as a node notices it: it can be stopped for a while and
 * then finds everything it missed at once, it dies without a word, and its clock runs at a rate of
 * its own. Whatever calls into a node does so through its process.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Scheduler } from "../../lib/scheduler.ts";
import type { Scheduled, World } from "./world.ts";

/** Time that reading the clock takes: without it, work in slices would never end. */
const clockReadMs = 0.05;
/** Time until the event loop comes to work that is due. */
const turnMs = 0.05;
/** The wall clock at the start of a simulation. */
const epochMs = 1_700_000_000_000;

/** A node's clock; it survives the process. */
export class SimClock {
  readonly #world: World;
  #rate = 1;
  #baseMs = 0;
  #sinceMs = 0;
  #wallMs = epochMs;
  #lastMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Milliseconds of the world that `ms` of this clock take. */
  worldMs(ms: number): number {
    return ms / this.#rate;
  }

  /** Runs faster or slower from now on. */
  setRate(rate: number): void {
    this.#baseMs = this.#exactMs();
    this.#sinceMs = this.#world.nowMs;
    this.#rate = rate;
  }

  /** Sets the wall clock forward or back. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  readonly clock: Clock = {
    nowMs: () => Math.floor(this.#wallMs + this.#exactMs()),
    monotonicMs: () => {
      this.#lastMs = Math.max(this.#lastMs + clockReadMs, this.#exactMs());
      return this.#lastMs;
    },
  };

  #exactMs(): number {
    return this.#baseMs + (this.#world.nowMs - this.#sinceMs) * this.#rate;
  }
}

export class Process {
  readonly node: number;
  readonly clock: SimClock;
  readonly #world: World;
  /** Called at its death. */
  readonly #atDeath = new Set<() => void>();
  /** What waits for a stopped process to go on. */
  #backlog: (() => void)[] | undefined;
  #alive = true;
  #runsSinceMs: number;

  constructor(world: World, node: number, clock: SimClock) {
    this.#world = world;
    this.node = node;
    this.clock = clock;
    this.#runsSinceMs = world.nowMs;
  }

  /** Since when it was not stopped. */
  get runsSinceMs(): number {
    return this.#runsSinceMs;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#backlog !== undefined;
  }

  /** Runs `work` here and now, or when the process goes on, or never. */
  enter(work: () => void): void {
    if (!this.#alive) return;
    if (this.#backlog) this.#backlog.push(work);
    else work();
  }

  /** Runs `work` here after `ms` of the world. */
  after(ms: number, work: () => void): Scheduled {
    return this.#world.after(ms, this.node, () => this.enter(work));
  }

  pause(): void {
    this.#backlog ??= [];
  }

  resume(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = undefined;
    this.#runsSinceMs = this.#world.nowMs;
    for (const work of backlog) this.after(0, work);
  }

  /** Ends it. What it was doing is not finished. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#backlog = undefined;
    for (const end of this.#atDeath) end();
    this.#atDeath.clear();
  }

  atDeath(end: () => void): void {
    this.#atDeath.add(end);
  }

  readonly scheduler: Scheduler = {
    soon: (work) => void this.after(turnMs, work),
    after: (ms, work) => {
      const scheduled = this.after(this.clock.worldMs(ms), work);
      return () => void (scheduled.cancelled = true);
    },
  };

  readonly pauseFor = (ms: number): Promise<void> =>
    new Promise((resolve) =>
      void this.after(this.clock.worldMs(ms), () => resolve())
    );
}
