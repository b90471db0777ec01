/**
 * The files that scenarios are written in: commands, each with the output that it must have. The
 * format is the one of the transcripts that etcd's Raft is tested with:
 *
 *     # a comment
 *     command argument key=value list=(1,2)
 *     input, for the commands that take some
 *     ----
 *     the output, up to the next empty line
 */

/** A word of a command: a bare one has no values. */
export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

/** One command with its expected output. */
export interface Command {
  readonly line: number;
  readonly name: string;
  readonly args: readonly Argument[];
  readonly input: readonly string[];
  /** Lines as they stand in the file, from after the separator. */
  readonly expected: readonly string[];
}

/** The commands of a transcript. */
export function parseTranscript(text: string): Command[] {
  const lines = text.split("\n");
  const commands: Command[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (line.trim() === "" || line.startsWith("#")) {
      at++;
      continue;
    }
    const start = at++;
    const input: string[] = [];
    while (at < lines.length && lines[at] !== "----") input.push(lines[at++]!);
    if (at === lines.length) throw new Error(`line ${start + 1}: no ----`);
    const expected: string[] = [];
    for (at++; at < lines.length && lines[at] !== ""; at++) {
      expected.push(lines[at]!);
    }
    const [name, ...args] = parseWords(line);
    commands.push({
      line: start + 1,
      name: name!.key,
      args,
      input,
      expected,
    });
  }
  return commands;
}

/** The words of a line. */
export function parseWords(line: string): Argument[] {
  return [...line.matchAll(/([^\s=]+)(?:=(\([^)]*\)|\S*))?/g)].map(
    ([, key, value]) => ({
      key: key!,
      values: value === undefined
        ? []
        : value.replace(/^\(|\)$/g, "").split(/[\s,]+/),
    }),
  );
}

/** The transcript with `outputs` in place of what its commands were expected to say. */
export function withOutputs(
  text: string,
  outputs: readonly (readonly string[])[],
): string {
  const lines = text.split("\n");
  const commands = parseTranscript(text);
  // From the end, so that the places before stay right.
  for (let at = commands.length - 1; at >= 0; at--) {
    const { line, input, expected } = commands[at]!;
    const start = line + input.length + 1;
    lines.splice(start, expected.length, ...outputs[at]!);
  }
  return lines.join("\n");
}
