/** What an operator may set of the log of any process. */
import type { Setting } from "./setting.ts";

/** The settings of the log. */
export const logSettings: readonly Setting[] = [
  {
    key: "log.level",
    flag: "log-level",
    rule: {
      kind: "choice",
      choices: ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"],
    },
    fallback: "INFO",
    help: "the least level that is logged",
  },
  {
    key: "log.format",
    flag: "log-format",
    rule: { kind: "choice", choices: ["text", "json"] },
    fallback: "text",
    help: "text for people, json for collectors",
  },
];
