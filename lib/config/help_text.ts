/** The help of a command, made of its settings, so that it never tells of another set than is read. */
import { type Setting, variableOf } from "./setting.ts";

/** All settings with their flag, meaning, default, variable and key. */
export function helpText(usage: string, settings: readonly Setting[]): string {
  const rows = settings.map((setting) => ({
    flag: `${setting.short ? `-${setting.short}, ` : "    "}--${setting.flag}`,
    text: setting.help + defaultOf(setting),
    names: `${variableOf(setting)}, ${setting.key}`,
  }));
  rows.push({
    flag: "-c, --config",
    text: "configuration file (YAML)",
    names: "",
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
    "A flag wins over its environment variable, that over its key in the configuration file.",
    "",
    ...lines,
    "",
  ].join("\n");
}

function defaultOf({ fallback }: Setting): string {
  return fallback === undefined ? "" : ` (default: ${fallback})`;
}
