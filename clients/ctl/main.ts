/**
 * The client for operators, from a shell: applies pipelines that are written as YAML, and tells how they,
 * the services and the cluster are.
 *
 * ```sh
 * deno run -A jsr:@conveyor/grpc/ctl apply -f pipeline.yaml
 * ```
 *
 * A pipeline is written by the fields of `conveyor.router.PipelineConfig`:
 *
 * ```yaml
 * id: orders
 * enabled: true
 * stages:
 *   - { id: shop, stage_type: source, service_selector: { service_name: shop } }
 *   - id: archive
 *     stage_type: sink
 *     service_selector: { service_name: archive }
 *     batch: { max_records: 200, linger: 20ms }
 * edges:
 *   - { from_stage: shop, to_stage: archive }
 * ```
 *
 * @module
 */
import manifest from "../../deno.json" with { type: "json" };
import { ConveyorError, messageOf } from "../../lib/errors.ts";
import { exitCodeFor } from "../../lib/exit_codes.ts";
import type { Call } from "./command.ts";
import { readCommandLine } from "./command_line.ts";
import { commands } from "./commands.ts";
import { helpText } from "./help.ts";
import { type Output, printable, render } from "./output.ts";
import { readText } from "./files.ts";
import { Session } from "./session.ts";

/** Runs the command; resolves with the exit code of the process. */
async function main(args: readonly string[]): Promise<number> {
  let code = 0;
  const fail = (error: unknown): void => {
    tell(Deno.stderr, messageOf(error));
    code = error instanceof ConveyorError ? exitCodeFor(error) : 1;
  };
  try {
    const line = readCommandLine(commands, args);
    switch (line.kind) {
      case "help":
        write(Deno.stdout, helpText("ctl", commands, line.about));
        break;
      case "version":
        write(Deno.stdout, `${manifest.name} ${manifest.version}\n`);
        break;
      case "run": {
        const { command, words, flags } = line;
        const output = flags.text("output") ?? command.output ?? "table";
        const call: Call = {
          words,
          flags,
          session: new Session(flags),
          read: readText,
          say: (text) => tell(Deno.stdout, text),
          note: (text) => tell(Deno.stderr, text),
          show: (found) => write(Deno.stdout, render(output as Output, found)),
          fail,
        };
        await command.run(call);
        break;
      }
      default:
        line satisfies never;
    }
  } catch (error) {
    fail(error);
  }
  return code;
}

interface Writer {
  writeSync(bytes: Uint8Array): number;
}

/** Writes a sentence; what a router says in it is not for the terminal to obey. */
function tell(to: Writer, text: string): void {
  write(to, `${printable(text)}\n`);
}

function write(to: Writer, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
  } catch (error) {
    // Whoever read it, as `head` does, has had enough of it; the work goes on.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
