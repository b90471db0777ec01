/**
 * Says whether a recorded history is linearizable: `deno run --allow-read check_history.ts FILE`.
 * Exits with 0 when it is, 1 when it is not (and shows why), 2 when that could not be found out.
 */
import { messageOf } from "../../lib/errors.ts";
import { describeVerdict } from "./describe_verdict.ts";
import { parseHistory } from "./history.ts";
import { checkHistory } from "./linearizability.ts";

const exitCodes = { linearizable: 0, violation: 1, undecided: 2 };

function main(file: string | undefined): number {
  if (file === undefined) {
    report("Usage: deno run --allow-read check_history.ts FILE");
    return 2;
  }
  try {
    const events = parseHistory(Deno.readTextFileSync(file));
    const verdict = checkHistory(events);
    report(describeVerdict(verdict));
    return exitCodes[verdict.kind];
  } catch (error) {
    report(`Cannot check "${file}": ${messageOf(error)}`);
    return 2;
  }
}

function report(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) Deno.exit(main(Deno.args[0]));
