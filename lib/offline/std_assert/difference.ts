/**
 * Values as text, and what two texts have in common line by line, so that a failed assertion shows
 * where the values part.
 */

/** A value in full, one property a line, keys in order. */
export function show(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    sorted: true,
    trailingComma: true,
    compact: false,
    iterableLimit: Infinity,
    getters: true,
    strAbbreviateSize: Infinity,
  });
}

/** Above this many pairs of lines the middle is shown as replaced whole. */
const pairsMax = 4_000_000;

/** Lines of both, marked: `-` only in actual, `+` only in expected. */
export function difference(actual: unknown, expected: unknown): string {
  const texts = typeof actual === "string" && typeof expected === "string";
  const a = texts ? textLines(actual) : show(actual).split("\n");
  const b = texts ? textLines(expected) : show(expected).split("\n");
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return [
    "",
    "",
    "",
    "    [Diff] Actual / Expected",
    "",
    "",
    ...a.slice(0, head).map(common),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(common),
    "",
  ].join("\n");
}

const common = (line: string): string => `    ${line}`;
const removed = (line: string): string => `-   ${line}`;
const added = (line: string): string => `+   ${line}`;

/** Each line quoted, so that white space at its ends can be seen. */
function textLines(text: string): string[] {
  return text.split(/(?<=\n)/).map((line) => JSON.stringify(line));
}

function middle(a: readonly string[], b: readonly string[]): string[] {
  if (a.length * b.length > pairsMax) {
    return [...a.map(removed), ...b.map(added)];
  }
  // longest[i][j]: how many lines a from i and b from j have in common, in order
  const longest = Array.from(
    { length: a.length + 1 },
    () => new Uint16Array(b.length + 1),
  );
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i]![j] = a[i] === b[j]
        ? longest[i + 1]![j + 1]! + 1
        : Math.max(longest[i + 1]![j]!, longest[i]![j + 1]!);
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(common(a[i]!));
      i++;
      j++;
    } else if (
      i < a.length &&
      (j === b.length || longest[i + 1]![j]! >= longest[i]![j + 1]!)
    ) {
      lines.push(removed(a[i++]!));
    } else lines.push(added(b[j++]!));
  }
  return lines;
}
