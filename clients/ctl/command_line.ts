/**
 * Reads the command line: which command, its words and its flags. Flags may stand anywhere. What nobody
 * knows is InvalidArgument, with the nearest that somebody does.
 */
import { parseArgs } from "@std/cli";
import { Code, ConveyorError, invalidArgument } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import type { Command, Flag, Flags } from "./command.ts";
import { globalFlags } from "./global_flags.ts";

/** What the command line asks for. */
export type CommandLine =
  /** Help about one command, those of a noun, or all. */
  | { readonly kind: "help"; readonly about: readonly Command[] }
  | { readonly kind: "version" }
  | {
    readonly kind: "run";
    readonly command: Command;
    readonly words: readonly (string | undefined)[];
    readonly flags: Flags;
  };

/** Reads `args`. */
export function readCommandLine(
  commands: readonly Command[],
  args: readonly string[],
): CommandLine {
  const known = new Map(
    [...globalFlags, ...commands.flatMap(({ flags = [] }) => flags)]
      .map((flag) => [flag.name, flag]),
  );
  const parsed = parse([...known.values()], args);
  const said = parsed._.map(String);
  if (parsed.version) return { kind: "version" };
  if (parsed.help || said[0] === "help" || said.length === 0) {
    const words = said[0] === "help" ? said.slice(1) : said;
    return { kind: "help", about: aboutOf(commands, words) };
  }
  const found = commandOf(commands, said);
  if (found === undefined) throw unknownCommand(commands, said);
  const flags = flagsOf(parsed);
  checkFlags(found, [...known.values()], flags);
  const words = wordsOf(commands, found, said);
  return { kind: "run", command: found, words, flags };
}

type Parsed = {
  readonly _: readonly unknown[];
  readonly [name: string]: unknown;
};

function parse(flags: readonly Flag[], args: readonly string[]): Parsed {
  const taking = flags.filter(({ value }) => value !== undefined)
    .map(({ name }) => name);
  const switches = flags.filter(({ value }) => value === undefined)
    .map(({ name }) => name);
  for (const arg of args) {
    if (arg === "--") break;
    const [, name] = /^--([^=]+)=/.exec(arg) ?? [];
    if (name !== undefined && switches.includes(name)) {
      throw refuse(`--${name}`, "it takes no value");
    }
  }
  const alias = Object.fromEntries(
    flags.flatMap(({ short, name }) => short ? [[short, name]] : []),
  );
  return parseArgs([...args], {
    string: [...taking, "_"],
    boolean: switches,
    collect: taking,
    alias,
    unknown: (arg) => {
      if (!/^-./.test(arg)) return true;
      throw unknownFlag(arg, flags.map(({ name }) => name));
    },
  }) as Parsed;
}

function flagsOf(parsed: Parsed): Flags {
  const texts = (name: string): readonly string[] =>
    (parsed[name] ?? []) as readonly string[];
  return {
    texts,
    text: (name) => texts(name)[0],
    isSet: (name) => parsed[name] === true,
  };
}

/** Flags are those of the command, with the values that they take, as often as they may be given. */
function checkFlags(
  command: Command,
  known: readonly Flag[],
  flags: Flags,
): void {
  const own = [...globalFlags, ...command.flags ?? []];
  const missing = own.find(({ name, required }) =>
    required && flags.texts(name).length === 0
  );
  if (missing !== undefined) {
    throw refuse(command.name, `it needs a flag; say ${usageOf(command)}`);
  }
  for (const { name } of known) {
    const values = flags.texts(name);
    const given = flags.isSet(name) ||
      Array.isArray(values) && values.length > 0;
    if (!given) continue;
    const flag = own.find((flag) => flag.name === name);
    if (flag === undefined) {
      throw refuse(
        `--${name}`,
        `"${command.name}" has no such flag; --help lists its flags`,
      );
    }
    if (flag.value === undefined) continue;
    if (values.length > 1 && !flag.repeated) {
      throw refuse(`--${name}`, "it is given more than once");
    }
    for (const value of values) {
      if (value === "") throw refuse(`--${name}`, `it needs a ${flag.value}`);
      if (flag.choices && !flag.choices.includes(value)) {
        const rule = `must be one of ${flag.choices.join(", ")}`;
        throw invalidArgument(`--${name}`, rule, value);
      }
    }
  }
}

/** The command of the most words that `said` begins with. */
function commandOf(
  commands: readonly Command[],
  said: readonly string[],
): Command | undefined {
  return [2, 1].map((count) => said.slice(0, count).join(" "))
    .flatMap((name) => commands.filter((command) => command.name === name))[0];
}

function aboutOf(
  commands: readonly Command[],
  words: readonly string[],
): readonly Command[] {
  if (words.length === 0) return commands;
  const command = commandOf(commands, words);
  if (words.length > 1 && command) return [command];
  const ofNoun = commands.filter(({ name }) =>
    name === words[0] || name.startsWith(`${words[0]} `)
  );
  if (ofNoun.length === 0) throw unknownCommand(commands, words);
  return ofNoun;
}

/** What stands behind the command's name, one for each of its words. */
function wordsOf(
  commands: readonly Command[],
  command: Command,
  said: readonly string[],
): readonly (string | undefined)[] {
  const { name, words = [] } = command;
  const given = said.slice(name.split(" ").length);
  const extra = given[words.length];
  if (extra !== undefined && !words.at(-1)?.endsWith("…]")) {
    const siblings = commands.flatMap((each) =>
      each.name.startsWith(`${name} `) ? [each.name.slice(name.length + 1)] : []
    );
    const near = nearest(extra, siblings);
    throw refuse(
      extra,
      near === undefined
        ? `it is one word too many; say ${usageOf(command)}`
        : `did you mean "${name} ${near}"?`,
    );
  }
  // As of a variable that is not set: what it was to select is not to be guessed.
  if (given.includes("")) throw refuse(name, "it has a word that is empty");
  const missing = words.find((word, at) =>
    !word.startsWith("[") && given[at] === undefined
  );
  if (missing !== undefined) {
    throw refuse(name, `it needs a word more; say ${usageOf(command)}`);
  }
  return given;
}

/** How a command is called. */
export function usageOf({ name, words = [], flags = [] }: Command): string {
  const required = flags.filter(({ required }) => required)
    .map(({ short, value }) => `-${short} ${value}`);
  return [name, ...words, ...required].join(" ");
}

function unknownCommand(
  commands: readonly Command[],
  said: readonly string[],
): ConveyorError {
  const [noun = "", verb = ""] = said;
  const ofNoun = commands.filter(({ name }) => name.startsWith(`${noun} `))
    .map(({ name }) => name);
  if (ofNoun.length > 0 && verb === "") {
    return refuse(noun, `say one of ${ofNoun.join(", ")}`);
  }
  const names = commands.map(({ name }) => name);
  const near = ofNoun.length > 0
    ? nearest(`${noun} ${verb}`, ofNoun)
    : nearest(noun, new Set(names.map((name) => name.split(" ")[0]!)));
  return refuse(
    ofNoun.length > 0 ? `${noun} ${verb}` : noun,
    `there is no such command${hint(near)}`,
  );
}

function unknownFlag(arg: string, known: readonly string[]): ConveyorError {
  const [, dashed = arg, name = ""] = /^(--?([^=]*))/.exec(arg) ?? [];
  const near = nearest(name, known);
  return refuse(dashed, `there is no such flag${hint(near && `--${near}`)}`);
}

function hint(near: string | undefined): string {
  return near === undefined
    ? "; --help lists all"
    : `; did you mean "${near}"?`;
}

function refuse(field: string, description: string): ConveyorError {
  return new ConveyorError(
    Code.InvalidArgument,
    `Cannot accept "${field}": ${description}`,
    { details: [{ field, description }] },
  );
}
