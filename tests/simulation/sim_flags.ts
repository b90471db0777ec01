/** Flags of the commands that simulate: all have a value, and one that is not known is refused. */
import { parseArgs } from "@std/cli";
import { invalidArgument } from "../../lib/errors.ts";

/** What was given, as text. */
export type Flags = Readonly<Record<string, unknown>>;

/** Reads `args`; `defaults` names the flags with a value, `switches` those without. */
export function readFlags(
  args: readonly string[],
  defaults: Readonly<Record<string, string>>,
  switches: readonly string[] = [],
): Flags {
  return parseArgs([...args], {
    boolean: [...switches],
    string: Object.keys(defaults),
    default: defaults,
    unknown: (name) => {
      throw invalidArgument(name, "must be a flag that this command has", name);
    },
  });
}

/** A flag that is a whole number from `least` on. */
export function count(flags: Flags, name: string, least: number): number {
  const value = Number(flags[name] === "" ? NaN : flags[name]);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw invalidArgument(
    `--${name}`,
    `must be a whole number from ${least} on`,
    flags[name],
  );
}
