/**
 * Two subjects measured in turn, so that whatever else the machine does hits both alike: one, other,
 * other, one. What the same subject gives twice within a round is the noise: a ratio between the two
 * subjects that is no further from 1 tells nothing.
 */
import { median } from "./load.ts";

/** Measurements in the order in which they were made: two of each subject in a round. */
export interface InTurn<T> {
  readonly one: readonly T[];
  /** Empty when there is nothing to compare with. */
  readonly other: readonly T[];
}

/** Measures in `rounds` rounds. */
export async function inTurn<T>(
  rounds: number,
  measureOne: () => Promise<T>,
  measureOther: (() => Promise<T>) | undefined,
): Promise<InTurn<T>> {
  const one: T[] = [];
  const other: T[] = [];
  for (let round = 0; round < rounds; round++) {
    one.push(await measureOne());
    if (measureOther) other.push(await measureOther(), await measureOther());
    one.push(await measureOne());
  }
  return { one, other };
}

/** The middle of each, of their ratios, and how far apart two of the same are. */
export interface Comparison {
  readonly one: number;
  /** NaN when there is nothing to compare with, as the ratio. */
  readonly other: number;
  readonly ratio: number;
  /** The larger of two of the same round by the smaller, in the middle: 1 is a still machine. */
  readonly noise: number;
}

/** Compares by the figure that `of` finds in a measurement. */
export function compare<T>(
  { one, other }: InTurn<T>,
  of: (measured: T) => number,
): Comparison {
  const [ones, others] = [one.map(of), other.map(of)];
  const apart = [ones, others].flatMap((all) =>
    all.flatMap((second, at) => {
      if (at % 2 === 0) return [];
      const first = all[at - 1]!;
      return [Math.max(first, second) / Math.min(first, second)];
    })
  );
  return {
    one: median(ones),
    other: median(others),
    ratio: median(others.map((value, at) => ones[at]! / value)),
    noise: median(apart),
  };
}
