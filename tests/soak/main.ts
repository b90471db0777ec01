/**
 * Tells whether the Deno release it runs on may carry records: everything that
 * has ever ended a process or leaked, many times over, on loopback, with the
 * HTTP/2 session guard and without. About five minutes at full size:
 *
 *     deno task soak [--rounds 40 --sessions 50 --calls 300 --hostile 1000
 *                     --restarts 100 --seed 1]
 */
import { parseArgs } from "@std/cli";
import { releaseWarning } from "../../lib/runtime/deno_release.ts";
import { say } from "./lines.ts";
import { phases, type SoakSize } from "./phases.ts";

/** A quarter of the sessions must hold a round at least. */
const roundsMin = 4;

const defaults: SoakSize = {
  rounds: 40,
  sessions: 50,
  calls: 300,
  hostile: 1_000,
  restarts: 100,
  seed: 1,
};

function parseSize(args: readonly string[]): SoakSize {
  const flags: Record<string, unknown> = parseArgs([...args], {
    default: { ...defaults },
  });
  const size: Record<string, number> = {};
  for (const name of Object.keys(defaults)) {
    const value = flags[name];
    const min = name === "rounds" ? roundsMin : 1;
    if (!Number.isSafeInteger(value) || Number(value) < min) {
      say(
        `Cannot soak: "--${name}" must be an integer of at least ${min}, ` +
          `found ${value}`,
      );
      Deno.exit(2);
    }
    size[name] = Number(value);
  }
  return size as unknown as SoakSize;
}

/** Whether this release passed every phase. */
async function soak(size: SoakSize, guarded: boolean): Promise<boolean> {
  const guard = guarded ? [] : ["--unguarded"];
  let passed = true;
  for (const [name, phase] of Object.entries(phases)) {
    const title = `${guarded ? "guarded" : "unguarded"}, ${name}`;
    const startMs = performance.now();
    let result: string;
    try {
      const measured = await phase(
        size,
        guard,
        (text) => say(`    ${title}: ${text}`),
      );
      result = `passed: ${measured}`;
    } catch (error) {
      passed = false;
      result = `FAILED: ${error instanceof Error ? error.message : error}`;
    }
    const seconds = Math.round((performance.now() - startMs) / 1_000);
    say(`${title} (${seconds} s) ${result}`);
  }
  return passed;
}

const release = `Deno ${Deno.version.deno}`;
const size = parseSize(Deno.args);
say(`${release}: ${JSON.stringify(size)}`);
const unguarded = await soak(size, false);
const guarded = await soak(size, true);

const warning = releaseWarning(Deno.version.deno);
if (!guarded) {
  say(`${release} may NOT be used; list it in lib/runtime/deno_release.ts`);
} else if (warning) {
  say(`${release} passed, but is listed as unfit: ${warning}`);
} else {
  say(`${release} may be used with the HTTP/2 session guard`);
}
if (unguarded) say(`${release} passed without the guard too`);
Deno.exit(guarded ? 0 : 1);
