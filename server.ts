/**
 * The router as a process: flags, environment and a configuration file in; a router that runs until
 * it is told to end. The first signal drains it, the second stops it at once.
 *
 * ```sh
 * deno run -A jsr:@conveyor/grpc/server --listen-addr 127.0.0.1:50051 --data-dir ./data
 * ```
 *
 * @module
 */
import { helpText } from "./lib/config/help_text.ts";
import {
  type CommandLine,
  type ConfigValues,
  mergeConfig,
  parseCommandLine,
  readConfigFile,
  readEnvironment,
} from "./lib/config/resolve_config.ts";
import {
  serverSettings,
  toRouterOptions,
} from "./lib/config/server_settings.ts";
import { ConveyorError, invalidArgument, messageOf } from "./lib/errors.ts";
import { configureLog, log } from "./lib/log.ts";
import type { RouterServerOptions } from "./lib/router/router_options.ts";
import type { RouterServer } from "./lib/router_server.ts";
import { exitCodeOf, exitCodes } from "./lib/config/exit_code.ts";
import {
  missingPermissions,
  type Needs,
  processPermits,
} from "./lib/config/permissions.ts";
import manifest from "./deno.json" with { type: "json" };

/** Runs the command; resolves with the exit code of the process. */
async function main(args: readonly string[]): Promise<number> {
  let router: RouterServer;
  try {
    const line = parseCommandLine(serverSettings, args);
    if (line.kind === "help") {
      write(helpText("server.ts [flags]", serverSettings));
      return 0;
    }
    if (line.kind === "version") {
      write(`${manifest.name} ${manifest.version}\n`);
      return 0;
    }
    const values = await configured(line);
    configureLog({
      level: values.get("log.level") as "INFO",
      format: values.get("log.format") as "text",
    });
    const options = await toRouterOptions(values, readText);
    const missing = missingPermissions(needsOf(options), processPermits);
    if (missing !== undefined) {
      writeError(missing);
      return exitCodes.noPermission;
    }
    // Only now: parts of it read the environment as they are loaded.
    const { RouterServer } = await import("./lib/router_server.ts");
    router = new RouterServer(options);
  } catch (error) {
    return failed(error);
  }
  return await serve(router);
}

async function serve(router: RouterServer): Promise<number> {
  let signals = 0;
  const onSignal = (): void => {
    if (++signals > 1) Deno.exit(130);
    log.info("The router drains; a second signal stops it at once");
    void router.close();
  };
  for (const name of endSignals) Deno.addSignalListener(name, onSignal);
  try {
    const { grpc, raft, http } = await router.start();
    log.info("The router is ready", {
      grpc,
      ...(raft ? { raft } : {}),
      ...(http ? { http } : {}),
    });
    await router.run();
    return 0;
  } catch (error) {
    return failed(error);
  } finally {
    await router.close();
    for (const name of endSignals) Deno.removeSignalListener(name, onSignal);
  }
}

/** What a router with these options touches by itself; the services that it calls come on top. */
function needsOf(
  { grpcAddr, raftAddr, httpAddr, peers, join, advertiseAddr, dataDir }:
    RouterServerOptions,
): Needs {
  const others = [...Object.values(peers ?? {}), ...join ?? []];
  const isReachable = others.length > 0 || advertiseAddr !== undefined;
  const addresses = [grpcAddr, httpAddr, ...isReachable ? [raftAddr] : []]
    .filter((address) => address !== undefined && address !== "");
  const directory = [dataDir ?? "./data"];
  return {
    net: [...addresses as string[], ...others.map(hostOf)],
    read: directory,
    write: directory,
  };
}

function hostOf(address: string): string {
  return address.replace(/^https?:\/\//, "");
}

/** Values of all sources; the file is the one that a flag or CONVEYOR_CONFIG names. */
async function configured(
  { file, flags }: Extract<CommandLine, { kind: "run" }>,
): Promise<ConfigValues> {
  const environment = readEnvironment(serverSettings, variable);
  const path = file ?? variable("CONVEYOR_CONFIG");
  const sources = [flags, environment];
  if (path !== undefined) {
    sources.push(readConfigFile(serverSettings, path, await readText(path)));
  }
  return mergeConfig(serverSettings, sources);
}

/** A variable of the environment; one that may not be read is not set. */
function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** The text of a file that the operator named. */
async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw invalidArgument(
      "file",
      `must be one that can be read (${messageOf(error)})`,
      path,
    );
  }
}

function failed(error: unknown): number {
  const text = error instanceof ConveyorError
    ? error.message
    : `Cannot start: ${messageOf(error)}`;
  writeError(text);
  return exitCodeOf(error);
}

function writeError(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

function write(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Windows knows no SIGTERM. */
const endSignals: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

if (import.meta.main) Deno.exit(await main(Deno.args));
