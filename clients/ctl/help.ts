/** The help, made of the table of commands, so that it never tells of others than there are. */
import { exitCodes } from "../../lib/exit_codes.ts";
import type { Command, Flag } from "./command.ts";
import { usageOf } from "./command_line.ts";
import { globalFlags } from "./global_flags.ts";

/** Help about all commands, or about some of them with their flags. */
export function helpText(
  program: string,
  commands: readonly Command[],
  about: readonly Command[],
): string {
  const isAll = about.length === commands.length;
  return [
    `Usage: ${program} COMMAND [flags]`,
    "",
    ...columns(about.flatMap((command) => [
      [usageOf(command), command.help],
      ...(isAll ? [] : command.flags ?? []).map((flag) =>
        [`  ${flagText(flag)}`, flag.help] as const
      ),
    ])),
    "",
    ...isAll ? [`${program} help COMMAND tells of a command's flags.`, ""] : [],
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
