/**
 * `parseArgs` of `jsr:@std/cli`, for machines that cannot reach jsr.io: what minimist does, with
 * `collect` and `negatable` instead of its guesses. Signature and meaning are those of the original.
 */
import type { Args, Names } from "./args.ts";
import { Flags } from "./flags.ts";

export type { Args };

/** How arguments are read. */
export interface ParseOptions<
  B extends boolean | Names = boolean | Names,
  S extends Names = Names,
  C extends Names = Names,
  N extends Names = Names,
  A = Readonly<Record<string, Names>>,
  D = Readonly<Record<string, unknown>>,
  DoubleDash extends boolean = boolean,
> {
  /** Flags without a value, false when not given; `true` makes every `--flag` without `=` one. */
  boolean?: B;
  /** Flags whose value is always a string. */
  string?: S;
  /** Flags that may be given more than once, their values in an array, empty when not given. */
  collect?: C;
  /** Flags of which `--no-flag` is false. */
  negatable?: N;
  /** Other names of flags. */
  alias?: A;
  /** Values of flags that are not given. */
  default?: D;
  /** Leaves everything behind the first argument that is no flag as it is. */
  stopEarly?: boolean;
  /** Puts what is behind `--` into `"--"` instead of `_`. */
  "--"?: DoubleDash;
  /** Told of each flag and argument that no option names; `false` leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Reads command-line arguments: flags by name, the rest in `_`. */
export function parseArgs<
  const B extends boolean | Names = never,
  const S extends Names = never,
  const C extends Names = never,
  const N extends Names = never,
  const A extends Readonly<Record<string, Names>> = Record<never, never>,
  D extends Record<string, unknown> = Record<never, never>,
  const DoubleDash extends boolean = false,
>(
  args: string[],
  options: ParseOptions<B, S, C, N, A, D, DoubleDash> = {},
): Args<B, S, C, N, A, D, DoubleDash> {
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  const behind = end < 0 ? [] : args.slice(end + 1);
  const flags = new Flags(options);
  const rest: (string | number)[] = [];
  for (let i = 0; i < before.length; i++) {
    const arg = before[i]!;
    const next = before[i + 1];
    if (/^--./.test(arg)) {
      if (readLong(flags, arg, next)) i++;
    } else if (/^-[^-]/.test(arg)) {
      if (readShort(flags, arg, next)) i++;
    } else {
      if (options.unknown?.(arg) !== false) rest.push(flags.typed("_", arg));
      if (options.stopEarly) {
        rest.push(...before.slice(i + 1));
        break;
      }
    }
  }
  const result: Record<string, unknown> = { _: rest, ...flags.finish() };
  if (options["--"]) result["--"] = behind;
  else rest.push(...behind);
  return result as Args<B, S, C, N, A, D, DoubleDash>;
}

/** Reads `--name`, `--name=value` or `--no-name`; whether it took the next argument too. */
function readLong(
  flags: Flags,
  arg: string,
  next: string | undefined,
): boolean {
  const [, name, value] = /^--([^=]+)=(.*)$/s.exec(arg) ?? [, arg.slice(2)];
  if (value !== undefined) {
    flags.set(name!, flags.isBoolean(name!) ? value !== "false" : value, arg);
    return false;
  }
  const positive = /^no-(.+)/s.exec(name!)?.[1];
  if (positive !== undefined && flags.isNegatable(positive)) {
    flags.negate(positive, arg);
    return false;
  }
  return takeNext(flags, name!, arg, next, flags.allBoolean);
}

/** Reads `-a`, `-abc`, `-n5`, `-n=5` or `-n/5`; whether it took the next argument too. */
function readShort(
  flags: Flags,
  arg: string,
  next: string | undefined,
): boolean {
  for (let at = 1; at < arg.length - 1; at++) {
    const letter = arg[at]!;
    const rest = arg.slice(at + 1);
    const value = valueInside(letter, rest);
    if (value !== undefined) {
      flags.set(letter, value, arg);
      return false;
    }
    flags.setBare(letter, arg);
  }
  return takeNext(flags, arg.at(-1)!, arg, next, false);
}

/** The value that starts right behind the letter, if one does. */
function valueInside(letter: string, rest: string): string | undefined {
  if (/[a-z]/i.test(letter)) {
    if (rest.startsWith("=")) return rest.slice(1);
    if (/-?\d+(\.\d*)?(e-?\d+)?$/.test(rest)) return rest;
  }
  return /^\W/.test(rest) ? rest : undefined;
}

/** Sets a flag whose value, if it takes one, is the next argument; whether it did. */
function takeNext(
  flags: Flags,
  name: string,
  arg: string,
  next: string | undefined,
  forcedBoolean: boolean,
): boolean {
  if (next !== undefined) {
    if (forcedBoolean || flags.isBoolean(name)) {
      if (next === "true" || next === "false") {
        flags.set(name, next === "true", arg);
        return true;
      }
    } else if (!/^-./s.test(next)) {
      flags.set(name, next, arg);
      return true;
    }
  }
  flags.setBare(name, arg);
  return false;
}
