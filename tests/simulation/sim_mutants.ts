/**
 * Plants bugs in copies of the source, one at a time, and simulates each until an invariant breaks:
 *
 *     deno task sim:mutants [--seeds 500 --events 10000 --seed 1 --threads 2 --only TEXT]
 *
 * Prints what it took to catch each. Exits with 1 when one was not caught: the simulation is too weak.
 */
import { Code, ConveyorError } from "../../lib/errors.ts";
import { type Mutant, mutants } from "./mutants.ts";
import type { BriefReport } from "./sim.ts";
import { count, readFlags } from "./sim_flags.ts";

const root = new URL("../../", import.meta.url);
/** What a copy of the source consists of: all that a simulation imports. */
const parts = [
  "deno.json",
  "deno.lock",
  "lib",
  "proto",
  "tests/fixtures/kv_machine.ts",
  "tests/simulation",
];
/** A mutant may hang, and is then ended; all the seeds of one take a minute on an idle machine. */
const mutantMsMax = 600_000;

interface Size {
  readonly seeds: number;
  readonly events: number;
  readonly seed: number;
}

/** A copy of the source that mutants are made of, one after another. */
class Copy implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Copy> {
    const folder = await Deno.makeTempDir({ prefix: "sim_mutants_" });
    for (const part of parts) {
      await copy(new URL(part, root), `${folder}/${part}`);
    }
    return new Copy(folder);
  }

  /** Simulates a mutant; undefined when that has no end. */
  async try(
    { edits }: Mutant,
    { seeds, events, seed }: Size,
  ): Promise<BriefReport | undefined> {
    for (const { file, from, to } of edits) {
      const path = `${this.#folder}/${file}`;
      const source = await Deno.readTextFile(path);
      // As a function: a "$" in it means nothing.
      await Deno.writeTextFile(path, source.replace(from, () => to));
    }
    try {
      return await run(this.#folder, [
        "--brief",
        ...["--threads", "1"],
        ...["--seeds", `${seeds}`],
        ...["--events", `${events}`],
        ...["--seed", `${seed}`],
      ]);
    } finally {
      for (const { file } of edits) {
        await Deno.copyFile(new URL(file, root), `${this.#folder}/${file}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function copy(from: URL, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) {
    await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(from, to);
    return;
  }
  for await (const { name } of Deno.readDir(from)) {
    await copy(new URL(`${from}/${name}`), `${to}/${name}`);
  }
}

/** Runs the simulations of a copy in a process of its own. */
async function run(
  cwd: string,
  args: readonly string[],
): Promise<BriefReport | undefined> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "tests/simulation/sim.ts", ...args],
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, mutantMsMax);
  const { stdout, stderr } = await child.output();
  clearTimeout(timer);
  if (late) return undefined;
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  if (text.startsWith("{")) return JSON.parse(text);
  throw new ConveyorError(
    Code.Internal,
    `Cannot simulate the mutant: ${text}${decoder.decode(stderr)}`,
  );
}

/** Prints what came of one; whether it was caught. */
function report(
  { name }: Mutant,
  outcome: BriefReport | undefined,
  elapsedMs: number,
): boolean {
  const seconds = `${(elapsedMs / 1_000).toFixed(1)} s`.padStart(8);
  if (outcome?.failed === undefined) {
    const why = outcome ? `in ${outcome.seeds} seeds` : "before it hung";
    say(`${name}\n    NOT CAUGHT ${why} ${seconds}`);
    return false;
  }
  const { seeds, events, failed } = outcome;
  say(
    `${name}\n    ${`${seeds}`.padStart(4)} seeds ${
      events.toLocaleString("en-US").padStart(10)
    } events ${seconds}  ${failed.violation.split("\n")[0]}`,
  );
  return true;
}

async function main(args: readonly string[]): Promise<number> {
  const flags = readFlags(args, {
    seeds: "500",
    events: "10000",
    seed: "1",
    threads: `${navigator.hardwareConcurrency}`,
    only: "",
  });
  const size: Size = {
    seeds: count(flags, "seeds", 1),
    events: count(flags, "events", 1),
    seed: count(flags, "seed", 0),
  };
  const left = mutants.filter(({ name }) => name.includes(`${flags["only"]}`));
  const all = left.length;
  let caught = 0;
  const thread = async (): Promise<void> => {
    await using source = await Copy.make();
    for (let mutant = left.shift(); mutant; mutant = left.shift()) {
      const fromMs = performance.now();
      const outcome = await source.try(mutant, size);
      if (report(mutant, outcome, performance.now() - fromMs)) caught++;
    }
  };
  await Promise.all(
    Array.from({ length: count(flags, "threads", 1) }, thread),
  );
  say(`${caught} of ${all} planted bugs were caught`);
  return caught === all ? 0 : 1;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
