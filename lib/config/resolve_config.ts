/**
 * Flags, environment and configuration file as one set of values. A flag wins over the environment,
 * that over the file, and the file over the default. What nobody knows is refused with the nearest
 * name that somebody does: a setting that is misspelt would otherwise silently not be there.
 */
import { parseArgs } from "@std/cli";
// YAML by the `yaml` package: YAML 1.2 in full, without dependencies, and aliases can be forbidden.
import { type Document, parseAllDocuments } from "yaml";
import { Code, ConveyorError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { PlacedValue, PlacedValues } from "./configuration.ts";
import { readSetting, type Setting, variableOf } from "./setting.ts";

/** What the command line asks for. */
export type CommandLine =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | {
    readonly kind: "run";
    /** Configuration file that a flag names. */
    readonly file: string | undefined;
    readonly flags: PlacedValues;
  };

/** Reads the arguments of the command. An unknown or repeated flag is InvalidArgument. */
export function parseCommandLine(
  settings: readonly Setting[],
  args: readonly string[],
): CommandLine {
  const names = [...settings.map(({ flag }) => flag), "config"];
  const alias: Record<string, string> = { c: "config", h: "help" };
  for (const { flag, short } of settings) if (short) alias[short] = flag;
  const parsed = parseArgs(withNegatives(args), {
    string: names,
    boolean: ["help", "version"],
    collect: names,
    alias,
    unknown: (arg) => {
      throw unknownFlag(arg, [...names, "help", "version"]);
    },
  }) as { [flag: string]: unknown };
  for (const arg of args) {
    const [, flag] = /^(--(?:help|version))=/.exec(arg) ?? [];
    if (flag !== undefined) throw refuse(flag, "it takes no value");
  }
  // Words behind a lone "--" are not looked at by `unknown`.
  for (const word of parsed._ as readonly unknown[]) {
    throw unknownFlag(String(word), []);
  }
  if (parsed.help) return { kind: "help" };
  if (parsed.version) return { kind: "version" };
  const flags = new Map<string, PlacedValue>();
  for (const setting of settings) {
    const found = once(setting.flag, parsed[setting.flag]);
    if (found === undefined) continue;
    flags.set(setting.key, placed(setting, found, `--${setting.flag}`));
  }
  return { kind: "run", file: once("config", parsed.config), flags };
}

/** A negative number behind a flag belongs to it, and is not a flag. */
function withNegatives(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const flag = joined.at(-1);
    if (/^-\d/.test(arg) && flag !== undefined && /^--[^=]+$/.test(flag)) {
      joined[joined.length - 1] = `${flag}=${arg}`;
    } else joined.push(arg);
  }
  return joined;
}

/** Values of the environment variables that are set. */
export function readEnvironment(
  settings: readonly Setting[],
  get: (variable: string) => string | undefined,
): PlacedValues {
  const values = new Map<string, PlacedValue>();
  for (const setting of settings) {
    const variable = variableOf(setting);
    const found = get(variable);
    if (found === undefined) continue;
    values.set(setting.key, placed(setting, found, variable));
  }
  return values;
}

/** Values in the text of a configuration file. */
export function readConfigFile(
  settings: readonly Setting[],
  file: string,
  text: string,
): PlacedValues {
  const root = parseYaml(file, text) ?? {};
  const sections = new Set(settings.map(({ key }) => key.split(".")[0]!));
  const values = new Map<string, PlacedValue>();
  for (const [section, entries] of Object.entries(object(file, "", root))) {
    if (!sections.has(section)) {
      throw unknownKey(file, section, sections, settings);
    }
    for (
      const [name, found] of Object.entries(
        object(file, section, entries ?? {}),
      )
    ) {
      const key = `${section}.${name}`;
      const setting = settings.find((setting) => setting.key === key);
      if (!setting) {
        throw unknownKey(file, key, settings.map(({ key }) => key), settings);
      }
      values.set(key, placed(setting, found, `${file}: ${key}`));
    }
  }
  return values;
}

function placed(
  setting: Setting,
  found: unknown,
  place: string,
): PlacedValue {
  return { value: readSetting(setting, found, place), place };
}

function parseYaml(file: string, text: string): unknown {
  const [document, ...others] = parseAllDocuments(text) as Document.Parsed[];
  if (document === undefined) return undefined;
  if (others.length > 0) throw refuse(file, "it must be one YAML document");
  const [error] = document.errors;
  if (error) {
    throw refuse(file, error.message.split("\n")[0]!.replace(/:$/, ""));
  }
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    // The one thing that is forbidden: an alias may stand for more than fits in memory.
    throw refuse(file, 'aliases ("*name") are not taken');
  }
}

function object(
  file: string,
  key: string,
  found: unknown,
): Record<string, unknown> {
  if (typeof found === "object" && found !== null && !Array.isArray(found)) {
    return found as Record<string, unknown>;
  }
  throw refuse(file, `${key ? `"${key}"` : "it"} must be a mapping of names`);
}

function once(flag: string, found: unknown): string | undefined {
  const values = (found ?? []) as readonly string[];
  if (values.length <= 1) return values[0];
  throw refuse(`--${flag}`, "it is given more than once");
}

function unknownFlag(arg: string, known: readonly string[]): ConveyorError {
  const [, given, name] = /^(--?(?:no-)?([^=]*))/.exec(arg) ?? [];
  if (given === undefined || name === undefined) {
    return refuse(arg, "this command takes flags only, each as --name value");
  }
  return refuse(given, `there is no such flag${hint(name, known, "--")}`);
}

/** The name may be right, and stand in the wrong section or in none. */
function unknownKey(
  file: string,
  key: string,
  known: Iterable<string>,
  settings: readonly Setting[],
): ConveyorError {
  const name = key.slice(key.indexOf(".") + 1);
  const elsewhere = settings.find((each) => each.key.endsWith(`.${name}`));
  const near = hint(elsewhere?.key ?? key, [
    ...elsewhere ? [elsewhere.key] : [],
    ...known,
  ]);
  return refuse(`${file}: ${key}`, `there is no such key${near}`);
}

function hint(name: string, known: Iterable<string>, prefix = ""): string {
  const near = nearest(name, known);
  return near === undefined
    ? "; --help lists all"
    : `; did you mean "${prefix}${near}"?`;
}

function refuse(field: string, description: string): ConveyorError {
  return new ConveyorError(
    Code.InvalidArgument,
    `Cannot accept "${field}": ${description}`,
    { details: [{ field, description }] },
  );
}
