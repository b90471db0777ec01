/**
 * Random numbers for one part of a simulation. Each part has a stream of its own, made from the seed
 * and a name, so that a fault taken out of a script leaves the other parts' numbers as they were.
 */
import { type Random, seededRandom } from "../../lib/random.ts";

export class Chance {
  /** A number in [0, 1). */
  readonly next: Random;

  constructor(seed: number, name: string) {
    let mixed = seed | 0;
    for (let at = 0; at < name.length; at++) {
      mixed = Math.imul(mixed ^ name.charCodeAt(at), 0x01000193);
      mixed ^= mixed >>> 15;
    }
    this.next = seededRandom(mixed);
  }

  /** True with probability `p`. */
  happens(p: number): boolean {
    return this.next() < p;
  }

  /** An integer from 0 to before `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** Waiting time of events that come `mean` apart. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /** Mostly near `least`, now and then very much more: a heavy tail, cut at `most`. */
  heavyTail(least: number, most: number): number {
    return Math.min(most, least * (1 - this.next()) ** -0.9);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}
