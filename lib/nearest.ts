/** The known name that somebody most likely meant: for errors about names that nobody knows. */

/** The nearest of `known` to `name`, or undefined when none is near. */
export function nearest(
  name: string,
  known: Iterable<string>,
): string | undefined {
  let best: string | undefined;
  // More than this many changes, and it is another word.
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best ?? onlyBeginning(name, known);
}

/** The only one of `known` that begins with `name`: who writes "listen" has forgotten the rest. */
function onlyBeginning(
  name: string,
  known: Iterable<string>,
): string | undefined {
  if (name.length < 3) return undefined;
  const begin = [...known].filter((candidate) => candidate.startsWith(name));
  return begin.length === 1 ? begin[0] : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours from `a` to `b`; at most `max`. */
function editDistance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) >= max) return max;
  let older: number[] = [];
  let before = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(
        before[j]! + 1,
        row[j - 1]! + 1,
        before[j - 1]! + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, older[j - 2]! + 1);
      }
      row.push(least);
    }
    [older, before] = [before, row];
  }
  return before[b.length]!;
}
