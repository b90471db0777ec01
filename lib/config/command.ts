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
import { exitCodes } from "../exit_codes.ts";
import { exitCodeOf } from "./exit_code.ts";
import { helpText } from "./help_text.ts";
import { Configuration } from "./configuration.ts";
import {
  configVariable,
  environmentNames,
  misspeltVariables,
} from "./environment.ts";
import { given } from "./given.ts";
import {
  joinNeeds,
  missingPermissions,
  type Needs,
  permittedVariable as variable,
  processPermits,
} from "../permissions.ts";
import {
  type CommandLine,
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
    config: Configuration,
    read: (key: string) => Promise<string>,
  ) => Options | Promise<Options>;
  /** What it touches by itself, beside the files that settings name. */
  readonly needsOf: (config: Configuration) => Needs;
  /** Loads and makes what serves: only when all else is well, as parts of it read the environment. */
  readonly make: (options: Options) => Promise<Served>;
}

/** Runs the command; resolves with the exit code of the process. */
export async function runCommand<Options>(
  command: Command<Options>,
  args: readonly string[],
): Promise<number> {
  const { name, usage, settings, optionsOf, make } = command;
  let config: Configuration | undefined;
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
    config = await configured(settings, line);
    configureLog(given({
      level: config.text("log.level") as "INFO" | undefined,
      format: config.text("log.format") as "text" | undefined,
    }));
    warnOfMisspelt(settings);
    const missing = notPermitted(command, config);
    if (missing !== undefined) {
      writeError(missing);
      return exitCodes.noPermission;
    }
    const read = readerOf(config);
    const served = await make(await optionsOf(config, read));
    return await serve(name, served);
  } catch (error) {
    return failed(config?.inOperatorsWords(error) ?? error);
  }
}

/** What the process is not permitted, in a sentence. */
function notPermitted<Options>(
  { name, settings, needsOf }: Command<Options>,
  config: Configuration,
): string | undefined {
  const files = config.fileKeys.map((key) => config.text(key)!);
  return missingPermissions(
    name,
    joinNeeds(needsOf(config), { read: files }),
    environmentNames(settings),
    processPermits,
  );
}

/** Says which variables do nothing because of how they are written; where their names may be listed. */
function warnOfMisspelt(settings: readonly Setting[]): void {
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") return;
  const set = Object.keys(Deno.env.toObject());
  for (const [name, meant] of misspeltVariables(settings, set)) {
    log.warn("Nobody reads a variable of the environment", { name, meant });
  }
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
    const fields = await startedOf(served, () => signals > 0);
    if (fields === undefined) return 0;
    if (signals === 0) log.info(`The ${name} is ready`, fields);
    await served.run();
    return 0;
  } finally {
    await served.close();
    for (const signal of endSignals) {
      Deno.removeSignalListener(signal, onSignal);
    }
  }
}

/** What the log is to say; undefined: it was told to end before it had started, which failed for that. */
async function startedOf(
  served: Served,
  isEnding: () => boolean,
): Promise<LogFields | undefined> {
  try {
    return await served.start();
  } catch (error) {
    if (isEnding()) return undefined;
    throw error;
  }
}

/** Values of all sources; the file is the one that a flag or CONVEYOR_CONFIG names. */
async function configured(
  settings: readonly Setting[],
  { file, flags }: Extract<CommandLine, { kind: "run" }>,
): Promise<Configuration> {
  const environment = readEnvironment(settings, variable);
  const named = file ?? variable(configVariable);
  if (named === undefined) {
    return new Configuration(settings, [flags, environment]);
  }
  const place = file === undefined ? configVariable : "--config";
  const text = await readText(named, place);
  const values = readConfigFile(settings, named, text);
  return new Configuration(settings, [flags, environment, values]);
}

/** Reads the file that the setting of a key names. */
function readerOf(config: Configuration): (key: string) => Promise<string> {
  return (key) => readText(config.text(key) ?? "", config.placeOf(key));
}

/** The text of a file that the operator named at this place. */
async function readText(path: string, place: string): Promise<string> {
  if (!processPermits.query({ name: "read", path })) {
    throw new ConveyorError(
      Code.PermissionDenied,
      `Cannot read ${quote(path)}, which is "${place}": not permitted; ` +
        `add --allow-read=${path}, and then what the file asks for`,
    );
  }
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw invalidArgument(
      place,
      `must name a file that can be read (${reasonOf(error)})`,
      path,
    );
  }
}

/** Why a file cannot be read; Deno's own words end with the call that failed. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/ \(os error \d+\).*$/, "");
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
