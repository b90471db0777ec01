import { assert, assertEquals } from "@std/assert";

/** What a process writes that notices these releases one after the other. */
async function written(...versions: string[]): Promise<string> {
  const url =
    new URL("../../../lib/runtime/release_notice.ts", import.meta.url).href;
  const script = `
    import { noticeRelease } from "${url}";
    for (const version of ${JSON.stringify(versions)}) noticeRelease(version);
  `;
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    cwd: new URL("../../../", import.meta.url),
  }).output();
  return new TextDecoder().decode(stderr);
}

Deno.test("noticeRelease() warns once about a release that is unfit", async () => {
  const lines = (await written("2.9.6", "2.6.0", "2.6.0")).trim().split("\n");
  assertEquals(lines.length, 1);
  assert(lines[0]!.includes("WARN") && lines[0]!.includes("2.6.0"), lines[0]);
});

Deno.test("noticeRelease() says nothing about the pinned release", async () => {
  assertEquals(await written("2.9.6"), "");
});
