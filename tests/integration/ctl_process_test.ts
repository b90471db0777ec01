/**
 * Goal: an operator looks after pipelines from a shell: what a file says is there, what is printed is such
 * a file, and what goes wrong is said in a sentence and by the exit code.
 * Method: the real client against a router in a process of its own.
 */
import { assert, assertEquals } from "@std/assert";
import { assertSays, ctl, withRouter } from "../fixtures/ctl.ts";
import { inFolder } from "../fixtures/in_folder.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const orders = `id: orders
stages:
  - id: shop
    stage_type: source
    service_selector:
      service_name: shop
  - id: archive
    stage_type: sink
    service_selector:
      service_name: archive
    batch:
      linger: 20ms
edges:
  - from_stage: shop
    to_stage: archive
enabled: true
`;

Deno.test("ctl applies a file, prints it again, and takes away what it made", () =>
  withRouter({ "orders.yaml": orders }, async (run, folder) => {
    const apply = ["apply", "-f", "orders.yaml"];
    assertSays(await run(...apply), 'pipeline "orders" created\n');
    assertSays(await run(...apply), 'pipeline "orders" unchanged\n');
    assertSays(await run("get", "orders"), orders);
    const slower = orders.replace("20ms", "30ms");
    await Deno.writeTextFile(`${folder}/orders.yaml`, slower);
    assertSays(await run(...apply), 'pipeline "orders" updated\n');
    assertSays(await run("get", "orders"), slower);
    assertSays(
      await run("list"),
      "ID      ENABLED  STAGES  EDGES  NAME\norders  yes      2       1\n",
    );
    assertSays(
      await run("status", "orders"),
      "PIPELINE  STAGE    TYPE    DONE  WAITING  ERRORS  LATENCY MS  TROUBLE\n" +
        "orders    shop     source  0     0        0       0           -\n" +
        "orders    archive  sink    0     0        0       0           -\n",
    );

    const early = await run("delete", "orders");
    assertEquals(early.code, 78);
    assert(early.stderr.includes("disabled pipeline"), early.stderr);
    assertSays(
      await run("disable", "orders", "--drain"),
      'pipeline "orders" disabled\n',
    );
    assertSays(
      await run("list"),
      "ID      ENABLED  STAGES  EDGES  NAME\norders  no       2       1\n",
    );
    assertSays(await run("enable", "orders"), 'pipeline "orders" enabled\n');
    assertSays(
      await run("delete", "orders", "--force"),
      'pipeline "orders" deleted\n',
    );
    assertEquals(await run("get", "orders"), {
      code: 1,
      stdout: "",
      stderr: 'There is no pipeline "orders"\n',
    });
  }));

Deno.test("ctl applies nothing of files of which one is wrong, and tells all of it", () =>
  withRouter({
    "orders.yaml": orders,
    "wrong.yaml": orders.replace("sink", "snk").replace("batch", "bach"),
  }, async (run) => {
    const refused = await run("apply", "-f", "orders.yaml", "-f", "wrong.yaml");
    assertEquals(refused, {
      code: 64,
      stdout: "",
      stderr: `Cannot accept pipeline "orders":
  wrong.yaml:8: stages[1].stage_type must be one of source, transform, sink, lookup, found "snk"
  wrong.yaml:11: stages[1].bach is no field of Stage; did you mean "batch"?
`,
    });
    assertSays(await run("list", "-o", "yaml"), "");
  }));

Deno.test("ctl checks a file without a router, and with no other permission than to read it", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/orders.yaml`, orders);
    const ended = await ctl(["apply", "--dry-run", "-f", "orders.yaml"], {
      cwd: folder,
      deno: ["--allow-read=orders.yaml", "--ignore-env", "--no-prompt"],
    });
    assertSays(ended, 'pipeline "orders" is valid\n');
  }));

Deno.test("ctl names all that it is not permitted", () =>
  inFolder(async (folder) => {
    const deno = ["--no-prompt"];
    const flags = ["--router", "10.0.0.1:50051", "--tls-ca", "ca.pem"];
    const said = (needs: string): string =>
      `Cannot start: the client is not permitted what it needs; add ${needs} ` +
      "--allow-env='CONVEYOR_*,GRPC_*,LOG_STREAM,LOG_TOKENS,NO_COLOR,grpc_proxy,http_proxy,https_proxy,no_grpc_proxy,no_proxy'\n";
    for (
      const [args, needs] of [
        [["list", ...flags], "--allow-net=10.0.0.1:50051 --allow-read=ca.pem"],
        [["apply", "-f", "orders.yaml"], "--allow-read=orders.yaml"],
      ] as const
    ) {
      const ended = await ctl(args, { cwd: folder, deno });
      assertEquals(ended, { code: 77, stdout: "", stderr: said(needs) });
    }
  }));

Deno.test("ctl works with no more permissions than it names", () =>
  withRouter({ "orders.yaml": orders }, async (_run, folder, router) => {
    const host = router.replace("http://", "");
    const deno = [
      "--no-prompt",
      "--ignore-env",
      "--allow-read=orders.yaml",
      `--allow-net=${host}`,
    ];
    const args = ["apply", "-f", "orders.yaml", "--router", router];
    assertSays(
      await ctl(args, { cwd: folder, deno }),
      'pipeline "orders" created\n',
    );
  }));

Deno.test("ctl applies all of a file although nobody reads what it says", () =>
  withRouter({
    "orders.yaml": ["a", "b", "c"].map((id) => orders.replace("orders", id))
      .join("---\n"),
  }, async (run, folder, router) => {
    const { code, stderr } = await new Deno.Command("bash", {
      args: [
        "-c",
        '"$0" run -A clients/ctl/main.ts apply -f "$1" --router "$2" | true; exit "${PIPESTATUS[0]}"',
        ...[Deno.execPath(), `${folder}/orders.yaml`, router],
      ],
      cwd: new URL("../../", import.meta.url),
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    const listed = await run("list", "-o", "json");
    assertEquals(JSON.parse(listed.stdout).length, 3);
  }));

Deno.test("ctl reads of a file, or of standard input, only text of a bearable size", () =>
  inFolder(async (cwd) => {
    await Deno.writeFile(`${cwd}/latin1`, new Uint8Array([0x23, 0xe9]));
    const dry = ["apply", "--dry-run", "-f"];
    for (
      const [file, says] of [
        ["latin1", 'Cannot read "latin1": It is not text in UTF-8\n'],
        [
          "/dev/zero",
          'Cannot read "/dev/zero": It has more than 16777216 bytes\n',
        ],
        [".", 'Cannot read ".": Is a directory\n'],
      ] as const
    ) {
      const ended = await ctl([...dry, file], { cwd });
      assertEquals(ended, { code: 64, stdout: "", stderr: says });
    }
  }));

Deno.test("ctl ends without a word when nobody reads its output any more", async () => {
  const { code, stderr } = await new Deno.Command("bash", {
    args: [
      "-c",
      '"$0" run -A clients/ctl/main.ts help | true; exit "${PIPESTATUS[0]}"',
      Deno.execPath(),
    ],
    cwd: new URL("../../", import.meta.url),
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});

Deno.test("ctl shows its certificate to a router that asks for one", () =>
  inFolder(async (folder) => {
    const tls = new URL("../fixtures/tls/", import.meta.url).pathname;
    await using server = new ServerProcess([
      ...["--listen-addr", "localhost:0", "--http-addr", "off"],
      ...["--data-dir", folder, "--tls-client-ca", `${tls}ca.pem`],
      ...["--tls-cert", `${tls}server.pem`, "--tls-key", `${tls}server.key`],
    ]);
    const { port } = new URL(await server.url());
    const env = {
      CONVEYOR_ROUTER: `https://localhost:${port}`,
      CONVEYOR_TLS_CA: `${tls}ca.pem`,
    };
    const own = [
      "--tls-cert",
      `${tls}client.pem`,
      "--tls-key",
      `${tls}client.key`,
    ];
    assertSays(await ctl(["list", "-o", "yaml", ...own], { env }), "");
    const refused = await ctl(["list", "--timeout-ms", "1000"], { env });
    assertEquals([refused.code, refused.stdout], [69, ""], refused.stderr);
  }));

for (
  const [args, code, says] of [
    [["aply"], 64, 'did you mean "apply"?'],
    [["x\x1b[31m\x9b"], 64, 'Cannot accept "x [31m ": '],
    [["letters", "--router", ","], 64, '"--router": must name a router'],
    [["list", "--router", "127.0.0.1:1"], 69, "within 3000 ms"],
    [
      ["apply", "-f", "nowhere.yaml"],
      64,
      'Cannot read "nowhere.yaml": No such file or directory',
    ],
    [["list", "--router", "ftp://x"], 64, "http://host:port"],
    [
      ["list", "--router", "127.0.0.1:1", "--timeout-ms", "300"],
      69,
      "ECONNREFUSED",
    ],
    [
      ["list", "--bearer-token", "é"],
      64,
      '"--bearer-token": must be visible ASCII',
    ],
    [
      ["list", "--tls-ca", "deno.json"],
      64,
      '"--tls-ca": goes with an https:// address',
    ],
    [
      ["list", "--router", "https://10.0.0.1:1"],
      64,
      '"CONVEYOR_TLS_SERVER_NAME": must name',
    ],
    [
      ["status", "orders", "--router", "x y"],
      64,
      '"--router": must be "http://host:port"',
    ],
    [
      ["list", "--tls-server-name", "x"],
      64,
      '"--tls-server-name": goes with an https:// address',
    ],
    [["backup", "restore"], 64, "either by its ID or by --file"],
    [["nodes", "add", "2", "y"], 64, '"ADDRESS": must be "host:port"'],
    [["nodes", "remove", "first"], 64, '"NODE": must be the number of a node'],
    [
      ["letters", "--failed-from", "yesterday"],
      64,
      '"--failed-from": must be a time',
    ],
    [
      ["letters", "discard", "--all", "--stage", "x"],
      64,
      '"--all": it goes without',
    ],
    [["letters", "list", "--limit", "0"], 64, '"--limit": must be from 1'],
    [["apply", "-f", "/dev/null"], 64, "must hold a pipeline"],
  ] as const
) {
  Deno.test(`ctl ${args.join(" ")} ends with ${code} and one sentence`, async () => {
    const ended = await ctl(args);
    assertEquals([ended.code, ended.stdout], [code, ""]);
    assertEquals(ended.stderr.trim().split("\n").length, 1, ended.stderr);
    assert(ended.stderr.includes(says), ended.stderr);
  });
}
