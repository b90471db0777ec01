/**
 * The log of a process: lines of text or JSON on standard error. The only importer of @std/log, which
 * its authors have retired: what replaces it changes this file.
 */
import {
  BaseHandler,
  getLogger,
  type LevelName,
  type LogRecord,
  setup,
} from "@std/log";
import { invalidArgument } from "./errors.ts";

/** How log lines are written. */
export interface LogOptions {
  /** The least level that is written. @default "INFO" */
  readonly level?: LevelName;
  /** `text` for people, `json` for collectors. @default "text" */
  readonly format?: "text" | "json";
}

/** What a line may carry besides its sentence. */
export type LogFields = { readonly [name: string]: unknown };

const levels: readonly LevelName[] = [
  "DEBUG",
  "INFO",
  "WARN",
  "ERROR",
  "CRITICAL",
];
const encoder = new TextEncoder();
const name = "conveyor";

class StderrHandler extends BaseHandler {
  override log(message: string): void {
    Deno.stderr.writeSync(encoder.encode(`${message}\n`));
  }
}

/** Sets level and format from here on. */
export function configureLog(options: LogOptions = {}): void {
  const { level = "INFO", format = "text" } = options;
  if (!levels.includes(level)) {
    throw invalidArgument(
      "level",
      `must be one of ${levels.join(", ")}`,
      level,
    );
  }
  const formatter = format === "json" ? jsonLine : textLine;
  setup({
    handlers: { stderr: new StderrHandler(level, { formatter }) },
    loggers: { [name]: { level, handlers: ["stderr"] } },
  });
}

/** Writes lines; fields are data, the sentence stays the same from line to line. */
export const log: Log = {
  debug: (message, fields = {}) => void getLogger(name).debug(message, fields),
  info: (message, fields = {}) => void getLogger(name).info(message, fields),
  warn: (message, fields = {}) => void getLogger(name).warn(message, fields),
  error: (message, fields = {}) => void getLogger(name).error(message, fields),
};

/** One function for each level. */
export type Log = {
  readonly [level in "debug" | "info" | "warn" | "error"]: (
    message: string,
    fields?: LogFields,
  ) => void;
};

function fieldsOf(record: LogRecord): LogFields {
  return (record.args[0] ?? {}) as LogFields;
}

function textLine(record: LogRecord): string {
  const fields = Object.entries(fieldsOf(record)).map(([key, value]) =>
    ` ${key}=${typeof value === "string" ? inLine(value) : shown(value)}`
  );
  return `${record.datetime.toISOString()} ${record.levelName} ${record.msg}${
    fields.join("")
  }`;
}

function jsonLine(record: LogRecord): string {
  const fields = Object.fromEntries(
    Object.entries(fieldsOf(record)).map(([key, value]) => [key, shown(value)]),
  );
  return JSON.stringify({
    time: record.datetime.toISOString(),
    level: record.levelName,
    message: record.msg,
    ...fields,
  });
}

/** What others have named stays in its line, and cannot look like a line of its own. */
function inLine(text: string): string {
  return text.replaceAll(
    /\p{Cc}/gu,
    (control) =>
      control === "\n"
        ? "\\n"
        : `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function shown(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message;
  return typeof value === "string" ? value : Deno.inspect(value);
}

configureLog();
