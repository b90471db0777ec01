/**
 * Goal: an operator looks after services, dead letters, nodes and snapshots from a shell.
 * Method: the real client against routers with services, and against a cluster of processes.
 */
import { assert, assertEquals } from "@std/assert";
import { Code, ConveyorError } from "@conveyor/grpc";
import { assertSays, ctl, withRouter } from "../fixtures/ctl.ts";
import { freePorts } from "../fixtures/free_ports.ts";
import { inFolder } from "../fixtures/in_folder.ts";
import { RouterCluster } from "../fixtures/router_cluster.ts";
import { line, numbers, RouterSetup } from "../fixtures/router_setup.ts";
import { type Ended, ServerProcess } from "../fixtures/server_process.ts";
import { until } from "../fixtures/until.ts";

interface StageLine {
  readonly router: string;
  readonly stage_id: string;
  readonly errors: string;
  readonly records_per_second: number;
}

interface NodeLine {
  readonly node_id: string;
  readonly role: string;
}

interface Letter {
  readonly dead_letter_id: string;
  readonly record: { readonly payload_text: string };
}

Deno.test("ctl tells of services, offsets and dead letters, and replays and discards these", async () => {
  await using setup = await RouterSetup.start();
  const run = (...args: string[]): Promise<Ended> =>
    ctl(args, { env: { CONVEYOR_ROUTER: setup.url } });
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args, "-o", "json");
    assertEquals([code, stderr], [0, ""]);
    return JSON.parse(stdout);
  };
  let broken = true;
  await setup.sink("store", ({ id }) => {
    if (broken) {
      throw new ConveyorError(Code.InvalidArgument, `no ${id?.sequenceNumber}`);
    }
  });
  await (await setup.admin()).createPipeline(line("store"));
  await (await setup.source()).push(numbers(3));

  const [service, ...others] = await json("services");
  assertEquals(service.identity.service_id, "store-1");
  assertEquals(service.health.status, "healthy");
  assertEquals(others, []);
  assertEquals(await json("offsets", "numbers"), [{ partition: 0, next: "4" }]);
  assertEquals(await json("letters"), [{
    pipeline_id: "line",
    stage_id: "store",
    error_code: "INVALID_ARGUMENT",
    count: "3",
  }]);
  const letters = await json("letters", "list", "--stage", "store");
  assertEquals(letters.map(({ record }: Letter) => record.payload_text), [
    "1",
    "2",
    "3",
  ]);
  const [id, second] = letters.map(({ dead_letter_id }: Letter) =>
    dead_letter_id
  );
  const some = await run("letters", "list", "--limit", "2");
  assertEquals([some.code, some.stdout.trim().split("\n").length], [0, 3]);
  assertEquals(
    some.stderr,
    "There are more than these 2; --limit shows others too\n",
  );
  const shown = await run("letters", "get", id);
  assert(shown.stdout.includes('payload_text: "1"'), shown.stdout);
  assertEquals(await run("letters", "get", "x"), {
    code: 1,
    stdout: "",
    stderr: 'There is no letter "x"\n',
  });

  const all = await run("letters", "discard");
  assertEquals([all.code, all.stdout], [64, ""]);
  assert(
    all.stderr.startsWith("Cannot discard letters: say which"),
    all.stderr,
  );
  const again = await run("letters", "replay", id);
  assertEquals(again.code, 1);
  assertEquals(
    again.stdout,
    `letter "${id}" failed: INVALID_ARGUMENT: no 1\n0 settled, 1 kept\n`,
  );
  broken = false;
  const { stdout } = await run("letters", "replay", id, second);
  // Told as each is known.
  assertEquals(stdout.split("\n").sort(), [
    "",
    "2 settled, 0 kept",
    ...[id, second].sort().map((each) => `letter "${each}" settled`),
  ]);
  assertSays(await run("letters", "discard", "--all"), "1 letters discarded\n");
  assertEquals(await json("letters"), []);
});

Deno.test("ctl asks every router that is named for what each has of its own", async () => {
  await using one = await RouterSetup.start();
  await using other = await RouterSetup.start();
  for (const setup of [one, other]) {
    await setup.sink("store", () => {
      throw new ConveyorError(Code.InvalidArgument, "no");
    });
    await (await setup.admin()).createPipeline(line("store"));
    await (await setup.source()).push(numbers(1));
  }
  const urls = `${one.url},${other.url}`;
  const flags = ["--router", urls, "-o", "json"];
  const letters = JSON.parse((await ctl(["letters", "list", ...flags])).stdout);
  assertEquals(letters.length, 2);
  for (const { dead_letter_id: id } of letters) {
    assertEquals((await ctl(["letters", "get", id, "--router", urls])).code, 0);
  }
  const status = JSON.parse((await ctl(["status", "--rate", ...flags])).stdout);
  assertEquals(
    status.map((
      each: StageLine,
    ) => [each.router, each.stage_id, each.errors, each.records_per_second]),
    [one, other].flatMap(({ url }) => [
      [url, "numbers", "0", 0],
      [url, "store", "1", 0],
    ]),
  );
  const silent = "http://127.0.0.1:1";
  const ended = await ctl([
    ...["letters", "--router", `${silent},${one.url}`, "--timeout-ms", "300"],
  ]);
  assertEquals(ended.code, 69);
  assert(ended.stderr.startsWith(`${silent}: Cannot connect`), ended.stderr);
  assert(ended.stdout.includes("INVALID_ARGUMENT"), ended.stdout);
  for (const command of ["get", "replay"]) {
    // The router that is away may keep it.
    const { code, stderr } = await ctl([
      ...["letters", command, "x", "--timeout-ms", "300"],
      ...["--router", `${silent},${one.url}`],
    ]);
    assertEquals([code, stderr.includes("no letter")], [69, false], stderr);
  }
});

Deno.test("ctl saves what the routers know in a file, and brings it back", () =>
  withRouter({}, async (run, folder) => {
    await using other = await RouterSetup.start();
    const setup = ["--router", other.url];
    await (await other.admin()).createPipeline(line("store"));
    const created = await run("backup", "create", "monday", ...setup);
    assert(
      /^snapshot "monday" created, of \d+ bytes\n$/.test(created.stdout),
      created.stderr,
    );
    const file = `${folder}/saved`;
    assertSays(
      await run("backup", "download", "monday", file, ...setup),
      `snapshot "monday" written to ${file}\n`,
    );
    const missing = await run("backup", "download", "x", `${folder}/none`);
    assertEquals(missing.code, 1);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "data",
      "saved",
    ]);
    const restore = ["backup", "restore", "--file", file];
    const checked = await run(...restore, "--dry-run");
    const [, id] = /^snapshot "(.+)" can be restored\n$/.exec(checked.stdout)!;
    assertSays(await run("list", "-o", "yaml"), "");
    assertSays(
      await run("backup", "restore", id!),
      `snapshot "${id}" restored\n`,
    );
    assert((await run("list")).stdout.includes("line"));
    assertSays(
      await run("backup", "delete", id!),
      `snapshot "${id}" deleted\n`,
    );
    assertEquals((await run("backup", "delete", id!)).code, 1);
    assertEquals(await run("backup", "restore", "--file", folder), {
      code: 64,
      stdout: "",
      stderr: `Cannot read "${folder}": Is a directory\n`,
    });
    assertEquals((await run(...restore)).code, 0);
    const kept = await run("backup", "list");
    assertEquals(kept.stdout.split("\n").length, 3, kept.stdout);
  }));

Deno.test("ctl takes a node into the cluster, gives it a vote and the lead, and lets the other go", async () => {
  await using cluster = await RouterCluster.start(1);
  const [grpc, raft] = freePorts(2);
  const env = {
    CONVEYOR_ROUTER: [...cluster.urls, `127.0.0.1:${grpc}`].join(","),
  };
  const run = (...args: string[]): Promise<Ended> => ctl(args, { env });
  assertSays(
    await run("nodes", "add", "2", `127.0.0.1:${raft}`),
    'node 2 added, without a vote; "nodes promote" gives it one\n',
  );
  await inFolder(async (folder) => {
    await using server = new ServerProcess([
      ...["--node-id", "2", "--data-dir", folder, "--http-addr", "off"],
      ...[
        "--listen-addr",
        `127.0.0.1:${grpc}`,
        "--raft-addr",
        `127.0.0.1:${raft}`,
      ],
      ...["--join", cluster.nodes[0]!.raft],
    ]);
    await server.url();
    await until(async () => (await run("nodes", "promote", "2")).code === 0);
    assertSays(await run("nodes", "transfer", "2"), "node 2 leads\n");
    const { stdout } = await run("nodes", "-o", "json");
    const { nodes } = JSON.parse(stdout);
    assertEquals(
      nodes.map((node: NodeLine) => [node.node_id, node.role]),
      [["1", "follower"], ["2", "leader"]],
    );
    assertSays(await run("nodes", "remove", "1"), "node 1 removed\n");
    const table = await run("nodes");
    assertEquals(table.stdout.split("\n").length, 3, table.stdout);
  });
});
