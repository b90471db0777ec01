/** The commands, run as people run them. */
import { assert, assertEquals, assertMatch } from "@std/assert";

async function run(
  command: "sim" | "sim_mutants",
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly text: string }> {
  const url = new URL(`./${command}.ts`, import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", url.href, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("deno task sim gives one seed one trace hash, on however many threads", async () => {
  const size = ["--seeds", "6", "--events", "1000", "--seed", "5"];
  const one = await run("sim", ...size, "--threads", "1");
  const two = await run("sim", ...size, "--threads", "2");
  assertEquals([one.code, two.code], [0, 0], one.text + two.text);
  const [hash, other] = [one, two].map(({ text }) =>
    /trace hash: \w{16}/.exec(text)?.[0]
  );
  assert(hash !== undefined);
  assertEquals(hash, other);
  assertMatch(one.text, /6 linearizable, 0 violations, 0 undecided/);
});

Deno.test("deno task sim says which flag it cannot take", async () => {
  for (const args of [["--seeds", "0"], ["--sed", "1"]]) {
    const { code, text } = await run("sim", ...args);
    assertEquals(code, 2);
    assert(text.includes(args[0]!), text);
  }
});

Deno.test("deno task sim:mutants plants a bug, and says by what it was caught", async () => {
  const { code, text } = await run(
    "sim_mutants",
    ...["--only", "sends its vote before", "--threads", "1", "--seeds", "3"],
  );
  assertEquals(code, 0, text);
  assertMatch(text, /has not that on disk/);
  assertMatch(text, /1 of 1 planted bugs were caught/);
});

Deno.test("deno task sim:mutants fails when a bug is not caught", async () => {
  const { code, text } = await run(
    "sim_mutants",
    ...["--only", "one half of a joint", "--threads", "1"],
    ...["--seeds", "1", "--events", "100"],
  );
  assertEquals(code, 1, text);
  assertMatch(text, /NOT CAUGHT in 1 seeds/);
});
