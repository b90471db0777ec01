/** The help of a command, made of its settings, so that it never tells of another set than is read. */
import { exitCodes } from "../exit_codes.ts";
import { configVariable } from "./environment.ts";
import { type Setting, variableOf } from "./setting.ts";

/** All settings with their flag, meaning, values, default, variable and key. */
export function helpText(usage: string, settings: readonly Setting[]): string {
  const rows = settings.map((setting) => ({
    flag: `${setting.short ? `-${setting.short}, ` : "    "}--${setting.flag}`,
    text: setting.help + valuesOf(setting),
    names: `${variableOf(setting)}, ${setting.key}`,
  }));
  rows.push({
    flag: "-c, --config",
    text: "configuration file (YAML)",
    names: configVariable,
  }, {
    flag: "-h, --help",
    text: "shows this text",
    names: "",
  }, {
    flag: "    --version",
    text: "shows the version",
    names: "",
  });
  const width = Math.max(...rows.map(({ flag }) => flag.length)) + 2;
  const lines = rows.flatMap(({ flag, text, names }) => [
    `  ${flag.padEnd(width)}${text}`,
    ...(names ? [`  ${" ".repeat(width)}${names}`] : []),
  ]);
  return [
    `Usage: ${usage}`,
    "",
    "Each setting is a flag, an environment variable, and a key of the configuration file: a.b is",
    '"b:" under "a:". A flag wins over the variable, that over the file. Lists are parted by commas.',
    "",
    ...lines,
    "",
    "SIGTERM and SIGINT let what is under way settle first; a second one ends it at once.",
    `It ends with ${exitCodes.usage} for wrong use, ${exitCodes.unavailable} for what may be had later, ${exitCodes.noPermission} for a missing permission,`,
    `and ${exitCodes.configuration} where an operator has to act.`,
    "",
  ].join("\n");
}

/** What may stand in it, and what it has otherwise: "(1 to 9 ms; default: 5)". */
function valuesOf({ rule, fallback }: Setting): string {
  const values: string[] = [];
  if (rule.kind === "choice") values.push(rule.choices.join(", "));
  if (rule.kind === "integer") {
    const { min, max, unit } = rule;
    const upTo = max === Number.MAX_SAFE_INTEGER ? "or more" : `to ${max}`;
    values.push(`${min} ${upTo}${unit ? ` ${unit}` : ""}`);
  }
  if (fallback !== undefined) values.push(`default: ${fallback}`);
  return values.length === 0 ? "" : ` (${values.join("; ")})`;
}
