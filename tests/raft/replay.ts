/**
 * Replays transcripts and tells where the core says something else. Transcripts of etcd's Raft run
 * as they are: the lines of its logger are left out of the comparison.
 *
 *     deno run -A tests/raft/replay.ts FOLDER            tells the differences
 *     deno run -A tests/raft/replay.ts FOLDER --write    writes what the core says into the files
 */
import { Interaction } from "./interaction.ts";
import { parseTranscript, withOutputs } from "./transcript.ts";

/** A command whose output is not the expected one. */
export interface Difference {
  readonly line: number;
  readonly expected: string;
  readonly found: string;
}

/** What the core says to each command of a transcript, in lines. */
export function outputsOf(transcript: string): string[][] {
  const interaction = new Interaction();
  return parseTranscript(transcript).map((command) => {
    try {
      return interaction.run(command);
    } catch (cause) {
      throw new Error(`line ${command.line}: ${command.name} failed`, {
        cause,
      });
    }
  });
}

/** Where the core says something else than the transcript. */
export function differences(transcript: string): Difference[] {
  const outputs = outputsOf(transcript);
  return parseTranscript(transcript).flatMap(({ line, expected }, at) => {
    const said = expected.filter((one) => !loggerLine.test(one));
    const wanted = said.length === 0 ? "ok" : said.join("\n");
    const found = outputs[at]!.join("\n");
    return wanted === found ? [] : [{ line, expected: wanted, found }];
  });
}

const loggerLine = /^\s*(DEBUG|INFO|WARN|ERROR) /;

if (import.meta.main) {
  const [folder = "", mode] = Deno.args;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  for (const name of names.filter((one) => one.endsWith(".txt")).sort()) {
    const path = `${folder}/${name}`;
    const transcript = Deno.readTextFileSync(path);
    if (mode === "--write") {
      Deno.writeTextFileSync(
        path,
        withOutputs(transcript, outputsOf(transcript)),
      );
      continue;
    }
    for (const { line, expected, found } of differences(transcript)) {
      // deno-lint-ignore no-console
      console.log(`${path}:${line}\nexpected\n${expected}\nfound\n${found}\n`);
    }
  }
}
