// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * What `deno task test` runs: the tests that wait for processes of their own, in two parts as they wait
 * for most of their time, beside all others, so that both cores have work. With arguments it is
 * `deno test` with them.
 *
 * Not `--parallel`: that puts files into one process, whose signals are for all of them. Not checked for
 * types, as each part would do that for itself: `deno task static` does it once, the examples included.
 */

const deno = ["test", "-A", "--quiet", "--doc", "--no-check"];
const withProcesses = "tests/integration";

interface Outcome {
  readonly code: number;
  readonly passed: number;
  readonly failed: number;
}

/** Every other file of those with processes. */
function everyOther(): string[] {
  return Array.from(Deno.readDirSync(withProcesses), ({ name }) => name)
    .filter((name) => name.endsWith("_test.ts")).sort()
    .filter((_, at) => at % 2 === 0)
    .map((name) => `${withProcesses}/${name}`);
}

/** Runs one part; its output is shown when it has ended, and its counts are read from the last line. */
async function part(args: readonly string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...deno, ...args],
    stdin: "null",
  }).output();
  await shown(stdout, Deno.stdout);
  await shown(stderr, Deno.stderr);
  const said = new TextDecoder().decode(stdout);
  // deno-lint-ignore no-control-regex -- colours
  const plain = said.replace(/\x1b\[[\d;]*m/g, "");
  const [, passed, failed] =
    [...plain.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*\| (\d+) failed/gm)]
      .at(-1) ?? [];
  return { code, passed: Number(passed ?? 0), failed: Number(failed ?? 0) };
}

async function shown(
  bytes: Uint8Array<ArrayBuffer>,
  { writable }: { readonly writable: WritableStream<Uint8Array> },
): Promise<void> {
  await new Blob([bytes]).stream().pipeTo(writable, { preventClose: true });
}

async function all(): Promise<number> {
  const startMs = performance.now();
  const some = everyOther();
  const parts = await Promise.all([
    part(some),
    part([withProcesses, `--ignore=${some}`]),
    part([`--ignore=${withProcesses}`]),
  ]);
  const sum = (of: (outcome: Outcome) => number): number =>
    parts.reduce((total, outcome) => total + of(outcome), 0);
  const code = Math.max(...parts.map((outcome) => outcome.code));
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  console.log(
    `${code === 0 ? "ok" : "FAILED"} | ${sum((one) => one.passed)} passed | ${
      sum((one) => one.failed)
    } failed (${seconds}s)`,
  );
  return code;
}

Deno.exit(
  Deno.args.length === 0
    ? await all()
    : (await new Deno.Command(Deno.execPath(), {
      args: [...deno, ...Deno.args],
    }).spawn().status).code,
);
