/**
 * Goal: what the README tells a newcomer to paste works as it stands there.
 * Method: its demo and its walkthrough run in processes of their own. Only the port is another, so that
 * a router which runs on this machine does not get in the way.
 */
import { assert, assertEquals } from "@std/assert";
import { freePorts } from "../fixtures/free_ports.ts";

const root = new URL("../../", import.meta.url).pathname;

/** The commands under a heading. */
async function commandsOf(heading: string): Promise<string> {
  const text = await Deno.readTextFile(`${root}README.md`);
  const [, section = ""] = text.split(`\n## ${heading}\n`);
  const [, commands] = /```sh\n([\s\S]*?)```/.exec(section.split("\n## ")[0]!)!;
  return commands!;
}

/** What of the tree it needs, in a folder that new files may go into. */
async function clone(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const names = "deno.json deno.lock mod.ts server.ts lib clients proto";
  const { success } = await new Deno.Command("cp", {
    args: ["-r", ...names.split(" "), folder],
    cwd: root,
  }).output();
  assert(success);
  return folder;
}

Deno.test("the walkthrough of the README runs as it stands there", async () => {
  const [grpc, http] = freePorts(2);
  const commands = (await commandsOf("Your first pipeline"))
    .replaceAll("127.0.0.1:50051", `127.0.0.1:${grpc}`);
  const folder = await clone();
  const shell = new Deno.Command("bash", {
    args: [
      "-ec",
      `trap 'kill $(jobs -p); wait || true' EXIT\n${commands}`,
    ],
    cwd: folder,
    env: {
      CONVEYOR_LISTEN_ADDR: `127.0.0.1:${grpc}`,
      CONVEYOR_HTTP_ADDR: `127.0.0.1:${http}`,
      NO_COLOR: "1",
    },
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await shell.output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  assertEquals(lines.sort(), [
    "Accepted",
    "Accepted",
    "on the wall: GOOD BYE",
    "on the wall: HELLO",
  ]);
  await Deno.remove(folder, { recursive: true });
});

for (const flags of [[], ["--nodes", "3"]]) {
  Deno.test(`task demo ${flags.join(" ")} ends with sums that agree`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "demo", ...flags],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    const said = decoder.decode(stdout);
    assertEquals(code, 0, said + decoder.decode(stderr));
    assert(said.includes("all 54 sums agree"), said);
  });
}

Deno.test("task demo refuses a number of nodes that it cannot start", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo", "--nodes", "many"],
    cwd: root,
  }).output();
  assertEquals(code, 64);
  assert(new TextDecoder().decode(stderr).includes('"many"'));
});
