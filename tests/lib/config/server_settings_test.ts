import { assertEquals, assertRejects } from "@std/assert";
import { Configuration } from "../../../lib/config/configuration.ts";
import {
  routerNeeds,
  serverSettings,
  toRouterOptions,
} from "../../../lib/config/server_settings.ts";
import { parseCommandLine } from "../../../lib/config/resolve_config.ts";
import { variableOf } from "../../../lib/config/setting.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { resolveFlowOptions } from "../../../lib/flow/flow_options.ts";
import { resolveRouterOptions } from "../../../lib/router/router_options.ts";

function configOf(...args: readonly string[]): Configuration {
  const line = parseCommandLine(serverSettings, args);
  if (line.kind !== "run") throw new Error("must run");
  return new Configuration(serverSettings, [line.flags]);
}

async function optionsOf(...args: readonly string[]) {
  const config = configOf(...args);
  return await toRouterOptions(
    config,
    (key) => Promise.resolve(`text of ${config.text(key)}`),
  );
}

Deno.test("what the help of a router tells as a default is the default", async () => {
  const flags = serverSettings.flatMap(({ flag, fallback }) =>
    fallback === undefined ? [] : [`--${flag}`, String(fallback)]
  );
  const { settings, ...options } = await optionsOf(...flags);
  assertEquals(options, {
    nodeId: 1,
    grpcAddr: "0.0.0.0:50051",
    raftAddr: "0.0.0.0:50052",
    httpAddr: "0.0.0.0:9464",
    peers: {},
    join: [],
    dataDir: "./data",
  });
  assertEquals(
    resolveRouterOptions({ settings: settings! }),
    { ...resolveRouterOptions(), flow: settings!.flow!, grpc: settings!.grpc! },
  );
  assertEquals(
    resolveFlowOptions(settings!.flow),
    resolveFlowOptions(),
  );
});

Deno.test("toRouterOptions() sets nothing that nobody has set", async () => {
  assertEquals(await optionsOf(), {
    peers: {},
    join: [],
    settings: { consensus: {}, flow: {}, grpc: {} },
  });
});

Deno.test("every setting of a router has names of its own", () => {
  const names = serverSettings.flatMap((setting) => [
    setting.key,
    setting.flag,
    variableOf(setting),
    ...setting.option === undefined ? [] : [`option ${setting.option}`],
  ]);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("routerNeeds() are the addresses, the peers and the data directory", () => {
  assertEquals(routerNeeds(configOf()), {
    net: ["0.0.0.0:50051", "0.0.0.0:9464"],
    read: ["./data"],
    write: ["./data"],
  });
  assertEquals(
    routerNeeds(configOf(
      ...["-l", "unix:/run/r", "--http-addr", "off", "--data-dir", "/srv"],
      ...["--raft-addr", "10.0.0.1:2", "--peers", "1=10.0.0.1:2,2=b.local:2"],
    )),
    {
      net: ["unix:/run/r", "10.0.0.1:2", "b.local"],
      read: ["/run/r", "/srv"],
      write: ["/run/r", "/srv"],
    },
  );
});

Deno.test("toRouterOptions() reads peers, and certificates from their files", async () => {
  const { peers, settings } = await optionsOf(
    ...["--peers", "1=a.local:1,2=http://b.local:2"],
    ...["--tls-cert", "c.pem", "--tls-key", "k.pem"],
  );
  assertEquals(peers, { 1: "a.local:1", 2: "http://b.local:2" });
  assertEquals(settings?.grpc?.tls, {
    cert: "text of c.pem",
    key: "text of k.pem",
  });
});

Deno.test("toRouterOptions() refuses peers without a form, peers twice, and half a certificate", async () => {
  for (
    const [args, text] of [
      [["--peers", "1"], 'must be "id=host:port", an id from 1 up'],
      [["--peers", "0=a:1"], 'must be "id=host:port", an id from 1 up'],
      [["--peers", "1=a:1,1=b:1"], "must name each id once"],
      [
        ["--tls-key", "k.pem"],
        '"--tls-cert": must be given with "--tls-key", found undefined',
      ],
    ] as const
  ) {
    const error = await assertRejects(
      () => optionsOf(...args),
      ConveyorError,
      text,
    );
    assertEquals(error.code, Code.InvalidArgument);
  }
});
