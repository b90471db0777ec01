/**
 * Goal: `server.ts` does what an operator expects of a server: what it was not given right it names, and
 * it needs no more permissions than it says.
 * Method: the real process with real flags, environment, and files.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AdminClient } from "@conveyor/grpc";
import { cpuMsOf } from "../bench/process_usage.ts";
import { line } from "../fixtures/router_setup.ts";
import { inFolder } from "../fixtures/in_folder.ts";
import { runServer, ServerProcess } from "../fixtures/server_process.ts";

const loopback = ["--listen-addr", "127.0.0.1:0", "--http-addr", "off"];

for (
  const { args, code, says } of [
    {
      args: ["--lisen-addr", "127.0.0.1:0"],
      code: 64,
      says:
        'Cannot accept "--lisen-addr": there is no such flag; did you mean "--listen-addr"?',
    },
    { args: ["--node-id", "0"], code: 64, says: "--node-id" },
    { args: ["--peers", "1=localhost"], code: 64, says: "host:port" },
    { args: ["--peers", "two=localhost:1"], code: 64, says: "id=host:port" },
    { args: ["--log-level", "LOUD"], code: 64, says: "--log-level" },
    { args: ["--config", "nowhere.yaml"], code: 64, says: "nowhere.yaml" },
    { args: ["--listen-addr", "127.0.0.1:70000"], code: 64, says: "70000" },
    { args: ["--tls-cert", "cert.pem"], code: 64, says: '"--tls-key"' },
    {
      args: ["--tls-cert", "deno.json", "--tls-key", "deno.json"],
      code: 64,
      says: 'Cannot accept "--tls-cert": must hold certificates as PEM',
    },
    {
      args: ["--tls-cert", "lib", "--tls-key", "lib"],
      code: 64,
      says: '"--tls-cert": must name a file that can be read (Is a directory)',
    },
    {
      args: ["--buffer-source-records", "10", "--buffer-total-records", "1"],
      code: 64,
      says:
        'Cannot accept "--buffer-source-records": must be at most "--buffer-total-records", which is 1, found 10',
    },
    {
      args: ["--heartbeat-interval-ms", "9", "--election-timeout-ms", "10"],
      code: 64,
      says:
        '"--election-timeout-ms": must be at least twice "--heartbeat-interval-ms"',
    },
  ] as const
) {
  Deno.test(`server.ts refuses ${args.join(" ")} in one sentence`, () =>
    inFolder(async (folder) => {
      const ended = await runServer([...args, "--data-dir", folder]);
      assertEquals(ended.code, code, ended.stderr);
      assertEquals(ended.stderr.trim().split("\n").length, 1, ended.stderr);
      assert(ended.stderr.includes(says), ended.stderr);
    }));
}

Deno.test("server.ts is ready within a second", () =>
  inFolder(async (folder) => {
    await using server = new ServerProcess([
      ...loopback,
      ...["--data-dir", folder],
    ]);
    await server.url();
    // Of processor time: how long that takes depends on what else the machine does.
    const ms = cpuMsOf(server.pid);
    assert(ms < 1_000, `${ms} ms`);
  }));

Deno.test("server.ts names the permission that it lacks for its configuration file", () =>
  inFolder(async (folder) => {
    const file = `${folder}/router.yaml`;
    await Deno.writeTextFile(file, "");
    const deno = ["--allow-env", "--allow-net", "--no-prompt"];
    const { code, stderr } = await runServer(["--config", file], { deno });
    assertEquals(code, 77, stderr);
    assert(stderr.includes(`--allow-read=${file}`), stderr);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }));

Deno.test("server.ts reads a configuration file with the variables that it names", () =>
  inFolder(async (folder) => {
    const file = `${folder}/router.yaml`;
    await Deno.writeTextFile(file, "log: {level: WARN}\n");
    const deno = [
      "--no-prompt",
      "--allow-net",
      `--allow-read=${folder}`,
      `--allow-write=${folder}`,
    ];
    const args = [...loopback, "--data-dir", folder];
    const { stderr } = await runServer(args, { deno });
    const [, variables] = /--allow-env='([^']+)'/.exec(stderr)!;
    await using server = new ServerProcess(
      [...args, "--config", file, "--log-level", "INFO"],
      { deno: [...deno, `--allow-env=${variables}`] },
    );
    await server.url();
  }));

Deno.test("server.ts names the permissions that it lacks for its certificates, with all others", () =>
  inFolder(async (folder) => {
    const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
    const { code, stderr } = await runServer(
      ["--tls-cert", cert, "--tls-key", key, "--data-dir", folder],
      { deno: ["--allow-env", "--allow-net", "--no-prompt"] },
    );
    assertEquals(code, 77, stderr);
    assertEquals(
      stderr,
      "Cannot start: the router is not permitted what it needs; add " +
        `--allow-read=${folder},${cert},${key} --allow-write=${folder}\n`,
    );
  }));

Deno.test("server.ts calls what it refuses by the variable or the key that it stands in", () =>
  inFolder(async (folder) => {
    const file = `${folder}/router.yaml`;
    await Deno.writeTextFile(file, "buffer: {total_records: 1}\n");
    const { code, stderr } = await runServer(["--config", file], {
      env: { CONVEYOR_BUFFER_SOURCE_RECORDS: "2" },
    });
    assertEquals(code, 64, stderr);
    assertEquals(
      stderr,
      'Cannot accept "CONVEYOR_BUFFER_SOURCE_RECORDS": must be at most ' +
        `"${file}: buffer.total_records", which is 1, found 2\n`,
    );
  }));

Deno.test("server.ts says that nobody reads a variable whose name is misspelt", () =>
  inFolder(async (folder) => {
    await using server = new ServerProcess(
      [...loopback, "--data-dir", `${folder}/data`],
      { env: { CONVEYOR_DATA_DIRR: folder } },
    );
    assertMatch(
      await server.line("Nobody reads"),
      /name=CONVEYOR_DATA_DIRR meant=CONVEYOR_DATA_DIR$/,
    );
  }));

Deno.test("server.ts tells its flags and its version", async () => {
  const help = await runServer(["--help"]);
  assertEquals(help.code, 0);
  for (
    const flag of [
      "--node-id",
      "-l, --listen-addr",
      "--raft-addr",
      "--http-addr",
      "--peers",
      "--data-dir",
      "-c, --config",
      "--log-level",
      "--log-format",
      "CONVEYOR_NODE_ID",
    ]
  ) assert(help.stdout.includes(flag), flag);
  const version = await runServer(["--version"]);
  assertMatch(version.stdout, /^@conveyor\/grpc \d+\.\d+\.\d+\n$/);
});

Deno.test("server.ts refuses an unknown key, and a value out of range, of its file by name", () =>
  inFolder(async (folder) => {
    const path = `${folder}/conveyor.yaml`;
    await Deno.writeTextFile(path, "grpc:\n  listen_adr: x\n");
    const unknown = await runServer(["-c", path]);
    assertEquals(unknown.code, 64);
    assert(unknown.stderr.includes("listen_adr"), unknown.stderr);
    assert(unknown.stderr.includes("listen_addr"), unknown.stderr);
    await Deno.writeTextFile(path, "buffer:\n  source_records: -1\n");
    const range = await runServer(["-c", path]);
    assertEquals(range.code, 64);
    assert(range.stderr.includes("buffer.source_records"), range.stderr);
  }));

Deno.test("server.ts takes flags over the environment over its file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/conveyor.yaml`;
    await Deno.writeTextFile(
      path,
      `cluster:\n  data_dir: ${folder}/file\nmetrics:\n  http_addr: "off"\nlog:\n  format: json\n`,
    );
    await using server = new ServerProcess(
      ["-l", "127.0.0.1:0", "--log-format", "text"],
      {
        env: {
          CONVEYOR_CONFIG: path,
          CONVEYOR_DATA_DIR: `${folder}/environment`,
          CONVEYOR_LOG_FORMAT: "json",
          CONVEYOR_LISTEN_ADDR: "nowhere:1",
        },
      },
    );
    assertMatch(await server.line("ready"), /grpc=127\.0\.0\.1:\d+$/);
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assertEquals(names.sort(), ["conveyor.yaml", "environment"]);
  }));

Deno.test("server.ts runs with exactly the permissions that it asks for", () =>
  inFolder(async (folder) => {
    const dataDir = `${folder}/data`;
    const args = [...loopback, "--data-dir", dataDir];
    const denied = await runServer(args, { deno: ["--no-prompt"] });
    assertEquals(denied.code, 77, denied.stderr);
    assertEquals(denied.stderr.trim().split("\n").length, 1, denied.stderr);
    const flags = denied.stderr.match(/--allow-\S+/g)!
      .map((flag) => flag.replaceAll("'", ""));
    assertEquals(
      flags.map((flag) => flag.slice(0, flag.indexOf("="))),
      ["--allow-net", "--allow-read", "--allow-write", "--allow-env"],
    );
    await using server = new ServerProcess(args, {
      deno: ["--no-prompt", ...flags, "--allow-net=127.0.0.1"],
    });
    await using admin = await AdminClient.connect(await server.url());
    await admin.createPipeline(line("store"));
    server.signal("SIGTERM");
    assertEquals(await server.ended(), 0);
  }));

Deno.test("server.ts runs under the package's permission set", () =>
  inFolder(async (folder) => {
    // The set is for the directory of the package: an own copy of it keeps the test's data apart.
    const manifest = JSON.parse(await Deno.readTextFile("deno.json"));
    const root = new URL("../../", import.meta.url).pathname;
    const imports = Object.fromEntries(
      Object.entries(manifest.imports as Record<string, string>)
        .map(([name, to]) => [name, to]),
    );
    const links = (manifest.links as string[]).map((link) => root + link);
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      JSON.stringify({ ...manifest, imports, links, exports: undefined }),
    );
    // With the lock nothing is asked of a registry.
    await Deno.copyFile("deno.lock", `${folder}/deno.lock`);
    await using server = new ServerProcess(loopback, {
      deno: ["--no-prompt", "-P", `--config=${folder}/deno.json`],
      cwd: folder,
    });
    await using admin = await AdminClient.connect(await server.url());
    assertEquals(await admin.listPipelines(), []);
    assert((await Deno.stat(`${folder}/data`)).isDirectory);
  }));

Deno.test("server.ts refuses a data directory that another process has, and an address that is taken", () =>
  inFolder(async (folder) => {
    const args = [...loopback, "--data-dir", `${folder}/data`];
    await using server = new ServerProcess(args);
    const url = await server.url();
    const locked = await runServer(args);
    assertEquals(locked.code, 78, locked.stderr);
    assert(locked.stderr.includes(`${folder}/data`), locked.stderr);
    const taken = await runServer([
      ...["--listen-addr", url.replace("http://", "")],
      ...["--http-addr", "off", "--data-dir", `${folder}/other`],
    ]);
    assertEquals(taken.code, 69, taken.stderr);
    assertEquals(
      taken.stderr,
      `Cannot listen on "${
        url.replace("http://", "")
      }", which is "--listen-addr": it is in use\n`,
    );
  }));

Deno.test({
  name: "server.ts asks nobody at a terminal for permissions, and names them",
  // A terminal is what `script` gives.
  ignore: !["/usr/bin/script", "/bin/script"].some(exists),
  fn: async () => {
    const { stdout } = await new Deno.Command("script", {
      args: ["-qec", `${Deno.execPath()} run --quiet server.ts`, "/dev/null"],
      cwd: new URL("../../", import.meta.url),
      stdin: "null",
    }).output();
    assertMatch(
      new TextDecoder().decode(stdout).trim(),
      /^Cannot start: the router is not permitted .*--allow-env='CONVEYOR_\*,[^\n]*'$/,
    );
  },
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
