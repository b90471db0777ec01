/**
 * What this project uses of `jsr:@std/log`, for machines that cannot reach jsr.io. Signatures and
 * meaning are those of the original: `setup` says once which loggers there are and where they write.
 */
import { type BaseHandler, ConsoleHandler } from "./handlers.ts";
import type { LevelName } from "./levels.ts";
import { Logger } from "./logger.ts";

export * from "./handlers.ts";
export * from "./levels.ts";
export * from "./log_record.ts";
export * from "./logger.ts";

/** Settings of one logger. */
export interface LoggerConfig {
  /** @default "INFO" */
  level?: LevelName;
  /** Names of handlers; a name that no handler has is passed over. */
  handlers?: string[];
}

/** Handlers and loggers by name. */
export interface LogConfig {
  handlers?: Record<string, BaseHandler>;
  loggers?: Record<string, LoggerConfig>;
}

const handlers = new Map<string, BaseHandler>();
const loggers = new Map<string, Logger>();

/** Replaces all handlers and loggers; `default` writes to the console unless told otherwise. */
export function setup(config: LogConfig): void {
  for (const handler of handlers.values()) handler.destroy();
  handlers.clear();
  loggers.clear();
  const byName = { default: new ConsoleHandler("INFO"), ...config.handlers };
  for (const [name, handler] of Object.entries(byName)) {
    handler.setup();
    handlers.set(name, handler);
  }
  const configs: Record<string, LoggerConfig> = {
    default: { level: "INFO", handlers: ["default"] },
    ...config.loggers,
  };
  for (
    const [name, { level = "INFO", handlers: names = [] }] of Object.entries(
      configs,
    )
  ) {
    const used = names.flatMap((each) => handlers.get(each) ?? []);
    loggers.set(name, new Logger(name, level, { handlers: used }));
  }
}

/** The logger of that name; one that `setup` does not know writes nowhere. */
export function getLogger(name = "default"): Logger {
  let logger = loggers.get(name);
  if (logger === undefined) {
    logger = new Logger(name, "NOTSET", { handlers: [] });
    loggers.set(name, logger);
  }
  return logger;
}

setup({});
