import { assertEquals, assertRejects } from "@std/assert";
import {
  serverSettings,
  toRouterOptions,
} from "../../../lib/config/server_settings.ts";
import {
  mergeConfig,
  parseCommandLine,
} from "../../../lib/config/resolve_config.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { resolveRouterOptions } from "../../../lib/router/router_options.ts";

const read = (path: string): Promise<string> =>
  Promise.resolve(`text of ${path}`);

function optionsOf(...args: readonly string[]) {
  const line = parseCommandLine(serverSettings, args);
  if (line.kind !== "run") throw new Error("must run");
  return toRouterOptions(mergeConfig(serverSettings, [line.flags]), read);
}

Deno.test("toRouterOptions() gives the defaults of the router without any flag", async () => {
  const { settings, ...options } = await optionsOf();
  assertEquals(options, {
    nodeId: 1,
    grpcAddr: "0.0.0.0:50051",
    raftAddr: "0.0.0.0:50052",
    httpAddr: "0.0.0.0:9464",
    peers: {},
    join: [],
    dataDir: "./data",
  });
  // What a flag's help tells as the default is the default.
  assertEquals(
    resolveRouterOptions({ settings: settings! }),
    { ...resolveRouterOptions(), flow: settings!.flow!, grpc: settings!.grpc! },
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
      [["--peers", "1"], 'must be "id=host:port" each'],
      [["--peers", "0=a:1"], 'must be "id=host:port" each'],
      [["--peers", "1=a:1,1=b:1"], "must name each id once"],
      [["--tls-key", "k.pem"], "must be given when TLS is used"],
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
