/**
 * Shortens a script of faults that leads to a violation: parts are left out, first large ones, as long
 * as what remains still does (Zeller's delta debugging, without its test of the parts alone). What is
 * found is the shortest in the sense that no single fault can be left out, unless the tries ran out.
 */
export async function shrink<T>(
  script: readonly T[],
  fails: (script: readonly T[]) => Promise<boolean>,
  triesMax: number,
): Promise<readonly T[]> {
  let shortest = script;
  let tries = 0;
  for (let part = shortest.length; part >= 1;) {
    let shorter = false;
    // From the end: what comes late most often has no part in it.
    for (let end = shortest.length; end > 0 && tries < triesMax; end -= part) {
      const from = Math.max(0, end - part);
      const rest = shortest.toSpliced(from, end - from);
      tries++;
      if (!await fails(rest)) continue;
      shortest = rest;
      shorter = true;
    }
    if (tries >= triesMax) break;
    if (part === 1 && !shorter) break;
    part = Math.max(1, Math.min(part >> 1, shortest.length));
    if (shortest.length === 0) break;
  }
  return shortest;
}
