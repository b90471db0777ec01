/** The help, made of the table of commands, so that it never tells of others than there are. */
import { exitCodes } from "../../lib/exit_codes.ts";
import type { Command, Flag } from "./command.ts";
import { usageOf } from "./command_line.ts";
import { globalFlags } from "./global_flags.ts";

/** Help about some commands: their flags, and those of every command. */
export function helpText(program: string, about: readonly Command[]): string {
  return [
    `Usage: ${program} COMMAND [flags]`,
    "",
    ...columns(about.flatMap((command) => [
      [usageOf(command), command.help],
      ...(command.flags ?? []).map((flag) =>
        [`  ${flagText(flag)}`, flag.help] as const
      ),
    ])),
    "",
    "Flags of every command; a flag wins over its variable of the environment:",
    "",
    ...columns(globalFlags.map((flag) => [
      flagText(flag),
      flag.variable ? `${flag.help} [${flag.variable}]` : flag.help,
    ])),
    "",
    `It ends with ${exitCodes.usage} for wrong use, ${exitCodes.unavailable} when no router answers, ${exitCodes.noPermission} for a missing`,
    `permission, ${exitCodes.configuration} for what is refused as things stand, and 1 for any other failure.`,
    "",
  ].join("\n");
}

function flagText({ name, short, value }: Flag): string {
  return `${short ? `-${short}, ` : ""}--${name}${value ? ` ${value}` : ""}`;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
}
