/**
 * The functions of `jsr:@std/log` that this project uses, for machines that cannot reach jsr.io.
 * Signatures and meaning are those of the original.
 */

/** The levels, by name; a higher number is more severe. */
export const LogLevels = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

/** A level's name. */
export type LevelName = keyof typeof LogLevels;
/** A level's number. */
export type LogLevel = typeof LogLevels[LevelName];

/** The number of a level. */
export function getLevelByName(name: LevelName): LogLevel {
  const level = LogLevels[name];
  if (level === undefined) {
    throw new Error(`Cannot get log level: no level named ${name}`);
  }
  return level;
}

/** The name of a level. */
export function getLevelName(level: LogLevel): LevelName {
  for (const [name, number] of Object.entries(LogLevels)) {
    if (number === level) return name as LevelName;
  }
  throw new Error(`Cannot get log level: no name for level: ${level}`);
}

/** One message on its way to the handlers. */
export class LogRecord {
  readonly msg: string;
  readonly #args: readonly unknown[];
  readonly #time: Date;
  readonly level: LogLevel;
  readonly levelName: LevelName;
  readonly loggerName: string;

  constructor(
    options: {
      msg: string;
      args: unknown[];
      level: LogLevel;
      loggerName: string;
    },
  ) {
    this.msg = options.msg;
    this.#args = [...options.args];
    this.#time = new Date();
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
  }

  get args(): unknown[] {
    return [...this.#args];
  }

  get datetime(): Date {
    return new Date(this.#time);
  }
}

/** Makes a line of a record. */
export type FormatterFunction = (record: LogRecord) => string;

/** Settings of a handler. */
export interface BaseHandlerOptions {
  formatter?: FormatterFunction;
}

/** What takes records of its level and above. */
export abstract class BaseHandler {
  readonly levelName: LevelName;
  readonly level: LogLevel;
  formatter: FormatterFunction;

  constructor(levelName: LevelName, options: BaseHandlerOptions = {}) {
    this.levelName = levelName;
    this.level = getLevelByName(levelName);
    this.formatter = options.formatter ??
      (({ levelName, msg }) => `${levelName} ${msg}`);
  }

  handle(record: LogRecord): void {
    if (record.level >= this.level) this.log(this.format(record));
  }

  format(record: LogRecord): string {
    return this.formatter(record);
  }

  abstract log(msg: string): void;

  setup(): void {}

  destroy(): void {}
}

/** Writes to the console. */
export class ConsoleHandler extends BaseHandler {
  override log(msg: string): void {
    // deno-lint-ignore no-console -- what this handler is for
    console.log(msg);
  }
}

/** Sends messages of its level and above to its handlers. */
export class Logger {
  readonly loggerName: string;
  levelName: LevelName;
  handlers: BaseHandler[];

  constructor(
    loggerName: string,
    levelName: LevelName,
    options: { handlers?: BaseHandler[] } = {},
  ) {
    this.loggerName = loggerName;
    this.levelName = levelName;
    this.handlers = options.handlers ?? [];
  }

  get level(): LogLevel {
    return getLevelByName(this.levelName);
  }

  #log<T>(level: LogLevel, msg: T | (() => T), args: unknown[]): T | undefined {
    if (this.level > level) return typeof msg === "function" ? undefined : msg;
    const value = typeof msg === "function" ? (msg as () => T)() : msg;
    const text = typeof value === "string" ? value : Deno.inspect(value);
    const record = new LogRecord({
      msg: text,
      args,
      level,
      loggerName: this.loggerName,
    });
    for (const handler of this.handlers) handler.handle(record);
    return value;
  }

  debug<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  info<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.INFO, msg, args);
  }

  warn<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.WARN, msg, args);
  }

  error<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  critical<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }
}

/** Settings of one logger. */
export interface LoggerConfig {
  level?: LevelName;
  /** Names in `handlers` of the LogConfig. */
  handlers?: string[];
}

/** What `setup` takes. */
export interface LogConfig {
  handlers?: Record<string, BaseHandler>;
  loggers?: Record<string, LoggerConfig>;
}

let handlers = new Map<string, BaseHandler>();
const loggers = new Map<string, Logger>();

/** Replaces all handlers and loggers. */
export function setup(config: LogConfig): void {
  for (const handler of handlers.values()) handler.destroy();
  handlers = new Map(Object.entries(config.handlers ?? {}));
  for (const handler of handlers.values()) handler.setup();
  loggers.clear();
  const own = {
    default: { level: "INFO" as const, handlers: ["default"] },
    ...config.loggers,
  };
  if (!handlers.has("default")) {
    handlers.set("default", new ConsoleHandler("INFO"));
  }
  for (
    const [name, { level = "INFO", handlers: names = [] }] of Object.entries(
      own,
    )
  ) {
    const used = names.map((name) => handlers.get(name)).filter((handler) =>
      handler !== undefined
    );
    loggers.set(name, new Logger(name, level, { handlers: used }));
  }
}

/** The logger of that name, the default one without; one that is not set up has no handlers. */
export function getLogger(name = "default"): Logger {
  let logger = loggers.get(name);
  if (!logger) loggers.set(name, logger = new Logger(name, "NOTSET"));
  return logger;
}

setup({});
