/**
 * A process that serves until it is told to end: flags, environment and a configuration file in, an exit
 * code out. The first signal drains it, the second stops it at once. What is wrong before it serves is
 * one sentence on standard error.
 */
import manifest from "../../deno.json" with { type: "json" };
import {
  Code,
  ConveyorError,
  invalidArgument,
  messageOf,
  quote,
} from "../errors.ts";
import { configureLog, log, type LogFields } from "../log.ts";
import { exitCodeOf, exitCodes } from "./exit_code.ts";
import { helpText } from "./help_text.ts";
import {
  missingPermissions,
  type Needs,
  processPermits,
} from "./permissions.ts";
import {
  type CommandLine,
  type ConfigValues,
  mergeConfig,
  parseCommandLine,
  readConfigFile,
  readEnvironment,
} from "./resolve_config.ts";
import type { Setting } from "./setting.ts";

/** What serves. */
export interface Served {
  /** Resolves when it takes calls, with what the log is to say of it. */
  start(): Promise<LogFields>;
  /** Resolves when it has closed; rejects when it had to stop by itself. */
  run(): Promise<void>;
  close(): Promise<void>;
}

/** A command. */
export interface Command<Options> {
  /** What serves, in messages: "router". */
  readonly name: string;
  /** How it is called: "server.ts [flags]". */
  readonly usage: string;
  readonly settings: readonly Setting[];
  /** The options that these values mean. */
  readonly optionsOf: (
    values: ConfigValues,
    readText: (path: string) => Promise<string>,
  ) => Options | Promise<Options>;
  /** What it touches by itself. */
  readonly needsOf: (options: Options) => Needs;
  /** Loads and makes what serves: only when all else is well, as parts of it read the environment. */
  readonly make: (options: Options) => Promise<Served>;
}

/** Runs the command; resolves with the exit code of the process. */
export async function runCommand<Options>(
  command: Command<Options>,
  args: readonly string[],
): Promise<number> {
  const { name, usage, settings, optionsOf, needsOf, make } = command;
  let served: Served;
  try {
    const line = parseCommandLine(settings, args);
    if (line.kind === "help") {
      write(helpText(usage, settings));
      return 0;
    }
    if (line.kind === "version") {
      write(`${manifest.name} ${manifest.version}\n`);
      return 0;
    }
    const values = await configured(settings, line);
    configureLog({
      level: values.get("log.level") as "INFO",
      format: values.get("log.format") as "text",
    });
    const options = await optionsOf(values, readText);
    const missing = missingPermissions(name, needsOf(options), processPermits);
    if (missing !== undefined) {
      writeError(missing);
      return exitCodes.noPermission;
    }
    served = await make(options);
  } catch (error) {
    return failed(error);
  }
  return await serve(name, served);
}

async function serve(name: string, served: Served): Promise<number> {
  let signals = 0;
  const onSignal = (): void => {
    if (++signals > 1) Deno.exit(130);
    log.info(`The ${name} drains; a second signal stops it at once`);
    void served.close();
  };
  for (const signal of endSignals) Deno.addSignalListener(signal, onSignal);
  try {
    const fields = await served.start();
    log.info(`The ${name} is ready`, fields);
    await served.run();
    return 0;
  } catch (error) {
    return failed(error);
  } finally {
    await served.close();
    for (const signal of endSignals) {
      Deno.removeSignalListener(signal, onSignal);
    }
  }
}

/** The host and port in an address that may be a URL. */
export function hostOf(address: string): string {
  return address.replace(/^https?:\/\//, "");
}

/** Values of all sources; the file is the one that a flag or CONVEYOR_CONFIG names. */
async function configured(
  settings: readonly Setting[],
  { file, flags }: Extract<CommandLine, { kind: "run" }>,
): Promise<ConfigValues> {
  const environment = readEnvironment(settings, variable);
  const path = file ?? variable("CONVEYOR_CONFIG");
  const sources = [flags, environment];
  if (path !== undefined) {
    sources.push(readConfigFile(settings, path, await readText(path)));
  }
  return mergeConfig(settings, sources);
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
    if (error instanceof Deno.errors.NotCapable) {
      throw new ConveyorError(
        Code.PermissionDenied,
        `Cannot read ${
          quote(path)
        }: not permitted; start with --allow-read=${path}`,
      );
    }
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
