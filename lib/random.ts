/**
 * The only place that draws random numbers. `systemRandom` is the machine's; `seededRandom` repeats
 * itself from a seed, for simulations and for tests that must be able to print what failed.
 */

/** A number in [0, 1). */
export type Random = () => number;

/** The machine's random numbers; not for secrets. */
export const systemRandom: Random = () => Math.random();

/** splitmix32: 2^32 numbers, equal for equal seeds on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 0x1_0000_0000;
  };
}
