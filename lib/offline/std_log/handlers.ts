/**
 * Where messages go: a handler takes records of its level and above, and makes a line of each.
 */
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";
import type { LogRecord } from "./log_record.ts";

/** Makes a line of a record. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** Settings of a handler. */
export interface BaseHandlerOptions {
  /** @default level and message */
  formatter?: FormatterFunction;
}

/** What all handlers share; one of its own says in `log` where lines go. */
export abstract class BaseHandler {
  formatter: FormatterFunction;
  #level: LogLevel;

  constructor(levelName: LevelName, options: BaseHandlerOptions = {}) {
    this.#level = getLevelByName(levelName);
    this.formatter = options.formatter ?? levelAndMessage;
  }

  get level(): LogLevel {
    return this.#level;
  }

  set level(level: LogLevel) {
    getLevelName(level); // throws for a number that is no level
    this.#level = level;
  }

  get levelName(): LevelName {
    return getLevelName(this.#level);
  }

  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
  }

  handle(logRecord: LogRecord): void {
    if (this.level <= logRecord.level) this.log(this.format(logRecord));
  }

  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  abstract log(msg: string): void;

  setup(): void {}

  destroy(): void {}

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Settings of a handler for the console. */
export interface ConsoleHandlerOptions extends BaseHandlerOptions {
  /** @default true, never where colours are turned off for the process */
  useColors?: boolean;
}

/** Writes to the console, the more severe levels in their colours. */
export class ConsoleHandler extends BaseHandler {
  readonly #useColors: boolean;

  constructor(levelName: LevelName, options: ConsoleHandlerOptions = {}) {
    super(levelName, options);
    this.#useColors = options.useColors ?? true;
  }

  override format(logRecord: LogRecord): string {
    const line = super.format(logRecord);
    return this.#useColors && !Deno.noColor
      ? colored(line, logRecord.level)
      : line;
  }

  override log(msg: string): void {
    // deno-lint-ignore no-console -- what this handler is for
    console.log(msg);
  }
}

/** One JSON object: level, time in milliseconds, message, and the arguments if there are any. */
export function jsonFormatter(logRecord: LogRecord): string {
  const { levelName, datetime, msg, args } = logRecord;
  return JSON.stringify({
    level: levelName,
    datetime: datetime.getTime(),
    message: msg,
    // JSON leaves out what is undefined.
    args: args.length > 1 ? args : args[0],
  });
}

/** The formatters by name. */
export const formatters: { jsonFormatter: FormatterFunction } = {
  jsonFormatter,
};

function levelAndMessage({ levelName, msg }: LogRecord): string {
  return `${levelName} ${msg}`;
}

function colored(line: string, level: LogLevel): string {
  switch (level) {
    case LogLevels.INFO:
      return `\x1b[34m${line}\x1b[39m`;
    case LogLevels.WARN:
      return `\x1b[33m${line}\x1b[39m`;
    case LogLevels.ERROR:
      return `\x1b[31m${line}\x1b[39m`;
    case LogLevels.CRITICAL:
      return `\x1b[1m\x1b[31m${line}\x1b[39m\x1b[22m`;
    default:
      return line;
  }
}
