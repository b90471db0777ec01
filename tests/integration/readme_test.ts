/**
 * Goal: what the README tells a newcomer to paste works as it stands there.
 * Method: its demo and its walkthrough run in processes of their own. Only the port is another, so that
 * a router which runs on this machine does not get in the way.
 */
import { assert, assertEquals } from "@std/assert";
import { AdminClient, SourceClient } from "@conveyor/grpc";
import { serveSink } from "@conveyor/grpc/connector";
import { Configuration } from "../../lib/config/configuration.ts";
import { readConfigFile } from "../../lib/config/resolve_config.ts";
import {
  serverSettings,
  toRouterOptions,
} from "../../lib/config/server_settings.ts";
import { resolveRouterOptions } from "../../lib/router/router_options.ts";
import { freePorts } from "../fixtures/free_ports.ts";
import { runBesideStubs, stubsMissing } from "../fixtures/python.ts";
import { line, numbers, RouterSetup } from "../fixtures/router_setup.ts";
import { signalled } from "../fixtures/signalled.ts";

const root = new URL("../../", import.meta.url).pathname;

/** The first block of a language under a heading. */
async function blockUnder(heading: string, language = "sh"): Promise<string> {
  const text = await Deno.readTextFile(`${root}README.md`);
  const [, section = ""] = text.split(new RegExp(`\n##+ ${heading}\n`));
  const block = new RegExp("```" + language + "\n([\\s\\S]*?)```");
  const [, found] = block.exec(section.split(/\n##+ /)[0]!)!;
  return found!;
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

Deno.test("the walkthrough of the README runs as it stands there, and its source goes on when it runs again", async () => {
  const [grpc, http] = freePorts(2);
  const commands = (await blockUnder("Your first pipeline"))
    .replaceAll("127.0.0.1:50051", `127.0.0.1:${grpc}`);
  const folder = await clone();
  const shell = new Deno.Command("bash", {
    args: [
      "-ec",
      `trap 'kill $(jobs -p); wait || true' EXIT\n${commands}\ndeno run -A push.ts`,
    ],
    cwd: folder,
    env: {
      CONVEYOR_LISTEN_ADDR: `127.0.0.1:${grpc}`,
      CONVEYOR_HTTP_ADDR: `127.0.0.1:${http}`,
      CONVEYOR_ROUTER: `http://127.0.0.1:${grpc}`,
      NO_COLOR: "1",
    },
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await shell.output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  assertEquals(lines.sort(), [
    ...Array(4).fill("Accepted"),
    ...Array(2).fill("on the wall: GOOD BYE"),
    ...Array(2).fill("on the wall: HELLO"),
    'pipeline "greetings" created',
  ]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a project of its own has the package as the README says", async () => {
  const manifest = JSON.parse(await blockUnder("Your first pipeline", "json"));
  assertEquals(manifest.links, ["../conveyor"]);
  // With these nothing is asked of a registry, which this machine may not reach.
  const offline = ["std_cli", "std_log", "std_assert"]
    .map((name) => `${root}lib/offline/${name}`);
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${folder}/deno.json`,
    JSON.stringify({ ...manifest, links: [root, ...offline] }),
  );
  await Deno.writeTextFile(
    `${folder}/main.ts`,
    await blockUnder("A client of a service in any language", "ts"),
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "main.ts"],
    cwd: folder,
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  assertEquals(new TextDecoder().decode(stdout), "order\n");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the settings in the README are settings", async () => {
  const yaml = await blockUnder("Settings", "yaml");
  const values = readConfigFile(serverSettings, "conveyor.yaml", yaml);
  const config = new Configuration(serverSettings, [values]);
  resolveRouterOptions(
    await toRouterOptions(config, () => Promise.reject(new Error("no file"))),
  );
  assertEquals(values.size, 8);
});

Deno.test("a router serves under the permissions that the README gives it", async () => {
  const [grpc, http] = freePorts(2);
  const folder = await Deno.makeTempDir();
  // Loopback stands for every interface, and for the host of the services.
  const command = (await blockUnder("Permissions"))
    .replace(
      "0.0.0.0:50051,0.0.0.0:9464",
      `127.0.0.1:${grpc},127.0.0.1:${http}`,
    )
    .replace("10.0.0.7", "127.0.0.1")
    .replaceAll("/srv/conveyor", folder)
    .trimEnd();
  assert(!command.includes("allow-net "), command);
  const shell = new Deno.Command("bash", {
    args: [
      "-ec",
      `exec ${command} -l 127.0.0.1:${grpc} --http-addr 127.0.0.1:${http}`,
    ],
    cwd: root,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const router = `http://127.0.0.1:${grpc}`;
  const stored: string[] = [];
  {
    await using _sink = await serveSink(
      ({ payload }) => void stored.push(new TextDecoder().decode(payload)),
      {
        address: "127.0.0.1:0",
        signals: false,
        register: {
          router,
          service: { serviceId: "store-1", name: "store" },
          connect: { connectTimeoutMs: 20_000 },
        },
      },
    );
    await using admin = await AdminClient.connect(router);
    await admin.createPipeline(line("store"));
    await using source = await SourceClient.connect(router, "numbers");
    await source.push(numbers(3));
    const ready = await fetch(`http://127.0.0.1:${http}/readyz`);
    assertEquals(await ready.text(), "ready\n");
  }
  assertEquals(stored.sort(), ["1", "2", "3"]);
  shell.kill("SIGTERM");
  assertEquals((await shell.status).code, 0);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the stage and the edges that the README shows are those of a pipeline", async () => {
  await using setup = await RouterSetup.start();
  const folder = await clone();
  await Deno.writeTextFile(
    `${folder}/pipeline.ts`,
    `${await blockUnder("What a pipeline can say", "ts")}
     import { AdminClient } from "@conveyor/grpc";
     await using admin = await AdminClient.connect(${
      JSON.stringify(setup.url)
    });
     const sinks = edges.map(({ toStage }) => toStage!);
     await admin.createPipeline({
       id: "shown",
       stages: [
         { id: "in", stageType: StageType.Source, serviceSelector: { serviceName: "in" } },
         enrich,
         ...sinks.map((id) => ({ id, stageType: StageType.Sink, serviceSelector: { serviceName: id } })),
       ],
       edges: [{ fromStage: "in", toStage: enrich.id! }, ...edges],
     });`,
  );
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--check", "pipeline.ts"],
    cwd: folder,
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const shown = await (await setup.admin()).getPipeline("shown");
  assertEquals(shown?.config.edges.length, 5);
  await Deno.remove(folder, { recursive: true });
});

const missing = stubsMissing();
Deno.test({
  name: "the README's sink in Python gets records" +
    (missing ? ` (skipped: ${missing})` : ""),
  ignore: missing !== undefined,
  fn: async () => {
    await using setup = await RouterSetup.start();
    const script = (await blockUnder("In another language", "python"))
      .replace("127.0.0.1:50051", setup.url.replace("http://", ""));
    await using sink = await runBesideStubs(script);
    await (await setup.admin()).createPipeline(line("wall"));
    await (await setup.source()).push(numbers(2));
    const [written] = await Array.fromAsync(
      sink.stdout.pipeThrough(new TextDecoderStream()).values(),
      (text) => {
        signalled(sink, "SIGKILL");
        return text;
      },
    );
    assert(written?.startsWith("on the wall: 1\n"), written);
  },
});

/** Runs commands of an operator in a folder of its own; what they print. */
async function operated(
  router: string,
  folder: string,
  commands: string,
): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-ec", commands],
    cwd: folder,
    env: { CONVEYOR_ROUTER: router, NO_COLOR: "1" },
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\n");
}

Deno.test("the README's commands of an operator do what they say", async () => {
  await using setup = await RouterSetup.start();
  const folder = await clone();
  const file = `${folder}/greetings.yaml`;
  await Deno.writeTextFile(file, await blockUnder("From a shell", "yaml"));
  const commands = await blockUnder("From a shell");
  const said = await operated(setup.url, folder, commands);
  assertEquals(said.filter((line) => line.startsWith("pipeline")), [
    'pipeline "greetings" is valid',
    'pipeline "greetings" created',
    'pipeline "greetings" disabled',
    'pipeline "greetings" deleted',
  ]);
  const kept = await Deno.readTextFile(file);
  assert(kept.includes("load_balance: least_connections"), kept);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the README's commands about letters and backups bring back what was there", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const folder = await clone();
  const [definition] = (await blockUnder("From a shell")).split("\n");
  const letters = await blockUnder("Dead letters");
  const [create, download, restore] = (await blockUnder("Backup")).split("\n");
  const run = (...commands: string[]): Promise<string[]> =>
    operated(setup.url, folder, [definition, ...commands].join("\n"));
  await run(letters, create!, download!);
  await admin.deletePipeline("line", true);
  await run(restore!);
  assertEquals((await admin.listPipelines()).map(({ id }) => id), ["line"]);
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

for (
  const [flags, code, says] of [
    [["--nodes", "many"], 64, '"many"'],
    [["--node", "3"], 64, "--node is nothing that the demo takes"],
    [["--help"], 0, "Usage: deno task demo"],
  ] as const
) {
  Deno.test(`task demo ${flags.join(" ")} says what it takes`, async () => {
    const ended = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "demo", ...flags],
      cwd: root,
    }).output();
    assertEquals(ended.code, code);
    const said = code === 0 ? ended.stdout : ended.stderr;
    assert(new TextDecoder().decode(said).includes(says));
  });
}
