import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../lib/errors.ts";
import { configureLog, type LogOptions } from "../../lib/log.ts";

/** What a process with these log options writes to standard error. */
async function written(options: LogOptions): Promise<string[]> {
  const url = new URL("../../lib/log.ts", import.meta.url).href;
  const script = `
    import { configureLog, log } from "${url}";
    configureLog(${JSON.stringify(options)});
    log.debug("details");
    log.warn("Cannot reach sink", { sink: "archive", error: new Error("refused") });
    log.warn("Odd", { sink: ${JSON.stringify("a\n2026 ERROR b\x1b[31m")} });
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    cwd: new URL("../../", import.meta.url),
  }).output();
  assertEquals(stdout.length, 0);
  return new TextDecoder().decode(stderr).trimEnd().split("\n");
}

Deno.test("log writes text with its fields, from its level up, to standard error", async () => {
  const [line] = await written({});
  assert(
    /^\S+Z WARN Cannot reach sink sink=archive error=Error: refused/.test(
      line!,
    ),
    line,
  );
});

Deno.test("log keeps what a field says in its line", async () => {
  const lines = await written({});
  const odd = lines.at(-1)!;
  assert(odd.endsWith("WARN Odd sink=a\\n2026 ERROR b\\x1b[31m"), odd);
});

Deno.test("log writes one JSON object per line when asked to", async () => {
  const lines = await written({ format: "json", level: "DEBUG" });
  const [details, warning] = lines.map((line) => JSON.parse(line));
  assertEquals([details.level, details.message], ["DEBUG", "details"]);
  assertEquals([warning.sink, warning.message], [
    "archive",
    "Cannot reach sink",
  ]);
  assert(warning.error.includes("refused"));
});

Deno.test("configureLog() names the level that does not exist", () => {
  const error = assertThrows(
    () => configureLog({ level: "LOUD" as never }),
    ConveyorError,
  );
  assertEquals(error.details[0]?.field, "level");
});
