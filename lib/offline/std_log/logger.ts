/**
 * A logger hands messages of its level and above to its handlers. A message may be a function: it is
 * called only when the message is logged, so that what is not logged costs nothing.
 */
import type { BaseHandler } from "./handlers.ts";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";
import { LogRecord } from "./log_record.ts";

// deno-lint-ignore no-explicit-any -- as in the original: any function
export type GenericFunction = (...args: any[]) => any;

/** A message that is no function, which would be called. */
export type Message<T> = T extends GenericFunction ? never : T;

/** Settings of a logger. */
export interface LoggerOptions {
  handlers?: BaseHandler[];
}

/** Each of its methods returns the message; undefined for a function that was not called. */
export class Logger {
  handlers: BaseHandler[];
  readonly #loggerName: string;
  #level: LogLevel;

  constructor(
    loggerName: string,
    levelName: LevelName,
    options: LoggerOptions = {},
  ) {
    this.#loggerName = loggerName;
    this.#level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
  }

  get loggerName(): string {
    return this.#loggerName;
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

  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  debug<T>(msg: Message<T>, ...args: unknown[]): T;
  debug<T>(msg: Message<T> | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  info<T>(msg: Message<T>, ...args: unknown[]): T;
  info<T>(msg: Message<T> | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.INFO, msg, args);
  }

  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  warn<T>(msg: Message<T>, ...args: unknown[]): T;
  warn<T>(msg: Message<T> | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.WARN, msg, args);
  }

  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  error<T>(msg: Message<T>, ...args: unknown[]): T;
  error<T>(msg: Message<T> | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  critical<T>(msg: Message<T>, ...args: unknown[]): T;
  critical<T>(msg: Message<T> | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }

  #log<T>(
    level: LogLevel,
    msg: Message<T> | (() => T),
    args: unknown[],
  ): T | undefined {
    const lazy = typeof msg === "function";
    if (this.level > level) return lazy ? undefined : msg as T;
    const message = lazy ? (msg as () => T)() : msg as T;
    const record = new LogRecord({
      msg: asString(message),
      args,
      level,
      loggerName: this.loggerName,
    });
    for (const handler of this.handlers) handler.handle(record);
    return message;
  }
}

// Not yet in TypeScript's library.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** Errors with their stack, other objects as JSON, in which a bigint is a number of any length. */
function asString(message: unknown): string {
  if (message instanceof Error) return message.stack ?? String(message);
  if (typeof message !== "object" || message === null) return String(message);
  return JSON.stringify(
    message,
    (_key, value) => typeof value === "bigint" ? rawJSON(String(value)) : value,
  );
}
