// deno-lint-ignore-file no-console -- stands in for the console that a handler writes to
import {
  assertEquals,
  assertMatch,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BaseHandler,
  ConsoleHandler,
  formatters,
  getLevelByName,
  getLevelName,
  getLogger,
  jsonFormatter,
  type LevelName,
  Logger,
  type LogLevel,
  LogLevels,
  LogRecord,
  setup,
} from "@std/log";

/** Keeps lines and records. */
class KeepingHandler extends BaseHandler {
  lines: string[] = [];
  records: LogRecord[] = [];
  readonly calls: string[] = [];

  override handle(record: LogRecord): void {
    this.records.push(record);
    super.handle(record);
  }

  override log(line: string): void {
    this.lines.push(line);
  }

  override setup(): void {
    this.calls.push("setup");
  }

  override destroy(): void {
    this.calls.push("destroy");
  }
}

const levelNames = ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"] as const;

function recordOf(
  level: LogLevel,
  msg = "msg",
  args: unknown[] = [],
): LogRecord {
  return new LogRecord({ msg, args, level, loggerName: "default" });
}

/** What the console is given while `work` runs. */
function consoleLines(work: () => void): unknown[] {
  const { log } = console;
  const lines: unknown[] = [];
  console.log = (line: unknown) => void lines.push(line);
  try {
    work();
  } finally {
    console.log = log;
  }
  return lines;
}

Deno.test("getLevelByName() and getLevelName() are each other's inverse, and throw for others", () => {
  for (const name of levelNames) {
    assertEquals(getLevelByName(name), LogLevels[name]);
    assertEquals(getLevelName(LogLevels[name]), name);
  }
  for (const name of ["FAKE", "toString"]) {
    assertThrows(
      () => getLevelByName(name as LevelName),
      Error,
      `no level named ${name}`,
    );
  }
  assertThrows(
    () => getLevelName(5000 as LogLevel),
    Error,
    "no name for level: 5000",
  );
});

Deno.test("LogRecord() hands out copies of its arguments and its time", () => {
  const record = recordOf(LogLevels.INFO, "msg", [1, 2]);
  record.args.push(3);
  record.datetime.setTime(0);
  assertEquals(record.args, [1, 2]);
  assertNotStrictEquals(record.datetime.getTime(), 0);
  assertEquals(record.levelName, "INFO");
});

Deno.test("handle() logs records of the handler's level and above", () => {
  for (const [index, levelName] of levelNames.entries()) {
    const handler = new KeepingHandler(levelName);
    for (const name of levelNames) handler.handle(recordOf(LogLevels[name]));
    assertEquals(
      handler.lines,
      levelNames.slice(index).map((name) => `${name} msg`),
    );
  }
});

Deno.test("handle() follows a level that is changed by name or by number", () => {
  const handler = new KeepingHandler("DEBUG");
  handler.levelName = "ERROR";
  assertEquals(handler.level, LogLevels.ERROR);
  handler.handle(recordOf(LogLevels.WARN));
  handler.level = LogLevels.WARN;
  assertEquals(handler.levelName, "WARN");
  handler.handle(recordOf(LogLevels.WARN));
  assertEquals(handler.lines, ["WARN msg"]);
  assertThrows(() => handler.level = 15 as LogLevel);
});

Deno.test("format() uses the formatter it is given", () => {
  const handler = new KeepingHandler("DEBUG", {
    formatter: ({ loggerName, levelName, msg }) =>
      `[${loggerName}] ${levelName} ${msg}`,
  });
  handler.handle(recordOf(LogLevels.ERROR, ""));
  assertEquals(handler.lines, ["[default] ERROR "]);
});

Deno.test("jsonFormatter() writes arguments when there are any, one without an array", () => {
  const cases: [args: unknown[], written: string][] = [
    [[], ""],
    [[{ user: "Dave" }], `,"args":{"user":"Dave"}`],
    [[1, true, null, [], {}], `,"args":[1,true,null,[],{}]`],
  ];
  for (const [args, written] of cases) {
    const record = recordOf(LogLevels.INFO, "msg", args);
    assertEquals(
      jsonFormatter(record),
      `{"level":"INFO","datetime":${record.datetime.getTime()},"message":"msg"${written}}`,
    );
  }
  assertStrictEquals(formatters.jsonFormatter, jsonFormatter);
});

Deno.test("ConsoleHandler() writes formatted lines to the console, in colour unless told otherwise", () => {
  const plain = new ConsoleHandler("INFO", { useColors: false });
  const coloured = new ConsoleHandler("DEBUG");
  const [info, error, debug] = [
    LogLevels.INFO,
    LogLevels.ERROR,
    LogLevels.DEBUG,
  ].map((level) => recordOf(level as LogLevel));
  assertEquals(
    consoleLines(() => {
      plain.handle(debug!);
      plain.handle(info!);
      coloured.handle(error!);
      coloured.handle(debug!);
    }),
    [
      "INFO msg",
      Deno.noColor ? "ERROR msg" : "\x1b[31mERROR msg\x1b[39m",
      "DEBUG msg",
    ],
  );
});

Deno.test("Logger() hands messages of its level and above to all handlers, and returns each", () => {
  for (const [index, levelName] of levelNames.entries()) {
    const handlers = [
      new KeepingHandler("DEBUG"),
      new KeepingHandler("CRITICAL"),
    ];
    const logger = new Logger("default", levelName, { handlers });
    assertEquals(
      [
        logger.debug("a"),
        logger.info("b"),
        logger.warn("c"),
        logger.error("d"),
        logger.critical("e"),
      ],
      ["a", "b", "c", "d", "e"],
    );
    assertEquals(
      handlers[0]!.lines,
      ["DEBUG a", "INFO b", "WARN c", "ERROR d", "CRITICAL e"].slice(index),
    );
    assertEquals(handlers[1]!.lines, ["CRITICAL e"]);
  }
});

Deno.test("Logger() gives handlers the arguments, the level and its name", () => {
  const handler = new KeepingHandler("DEBUG");
  new Logger("tasks", "DEBUG", { handlers: [handler] }).info("foo", 1, 2);
  const { msg, args, level, loggerName } = handler.records[0]!;
  assertEquals([msg, args, level, loggerName], [
    "foo",
    [1, 2],
    LogLevels.INFO,
    "tasks",
  ]);
});

Deno.test("Logger() calls a function only when its message is logged", () => {
  const handler = new KeepingHandler("DEBUG");
  const logger = new Logger("default", "ERROR", { handlers: [handler] });
  let calls = 0;
  const message = (): string => `call ${++calls}`;
  const missing: string | undefined = logger.debug(message, 1);
  assertEquals([missing, calls], [undefined, 0]);
  assertEquals(logger.error(message), "call 1");
  assertEquals(handler.lines, ["ERROR call 1"]);
});

Deno.test("Logger() writes messages of any type as text", () => {
  const handler = new KeepingHandler("DEBUG");
  const logger = new Logger("default", "DEBUG", { handlers: [handler] });
  const symbol = Symbol("a");
  const sameSymbol: symbol = logger.info(symbol);
  const sameNumber: number = logger.info(3);
  const nothing: undefined = logger.info(undefined);
  assertEquals([sameSymbol, sameNumber, nothing], [symbol, 3, undefined]);
  logger.info(null);
  logger.info(5n);
  logger.info(true);
  logger.info({ payload: "data", nested: { other: 123n }, list: [1, "x"] });
  assertEquals(handler.lines, [
    "INFO Symbol(a)",
    "INFO 3",
    "INFO undefined",
    "INFO null",
    "INFO 5",
    "INFO true",
    'INFO {"payload":"data","nested":{"other":123},"list":[1,"x"]}',
  ]);
  const error = new RangeError("Uh-oh!");
  assertStrictEquals(logger.error(error), error);
  assertMatch(handler.lines.at(-1)!, /^ERROR RangeError: Uh-oh!\n\s+at /);
});

Deno.test("Logger() follows a level and handlers that are changed", () => {
  const [first, second] = [
    new KeepingHandler("DEBUG"),
    new KeepingHandler("DEBUG"),
  ];
  const logger = new Logger("default", "DEBUG", { handlers: [first] });
  logger.level = LogLevels.WARN;
  assertEquals(logger.levelName, "WARN");
  logger.info("below");
  logger.levelName = "CRITICAL";
  assertEquals(logger.level, LogLevels.CRITICAL);
  logger.error("below");
  logger.handlers = [first, second];
  logger.critical("both");
  logger.handlers = [];
  logger.critical("none");
  assertEquals(first.lines, ["CRITICAL both"]);
  assertEquals(second.lines, ["CRITICAL both"]);
});

Deno.test("setup() connects loggers with handlers by name", () => {
  const [plain, named] = [
    new KeepingHandler("DEBUG"),
    new KeepingHandler("DEBUG"),
  ];
  setup({
    handlers: { plain, named },
    loggers: {
      default: { level: "DEBUG", handlers: ["plain"] },
      tasks: { level: "ERROR", handlers: ["named", "none of that name"] },
      quiet: {},
    },
  });
  getLogger().debug("hello");
  getLogger("tasks").error("world");
  getLogger("tasks").warn("below");
  assertEquals(plain.lines, ["DEBUG hello"]);
  assertEquals(named.lines, ["ERROR world"]);
  assertEquals(getLogger("quiet").levelName, "INFO");
  assertEquals(getLogger("quiet").handlers, []);
  assertEquals(getLogger("tasks").loggerName, "tasks");
});

Deno.test("setup() sets up its handlers and destroys those before", () => {
  const [before, after] = [
    new KeepingHandler("DEBUG"),
    new KeepingHandler("DEBUG"),
  ];
  setup({ handlers: { before } });
  setup({ handlers: { after } });
  assertEquals(before.calls, ["setup", "destroy"]);
  assertEquals(after.calls, ["setup"]);
});

Deno.test("getLogger() gives the default logger a console handler when setup names none", () => {
  setup({});
  const logger = getLogger();
  assertEquals([logger.loggerName, logger.levelName], ["default", "INFO"]);
  assertEquals(logger.handlers.map((handler) => handler.constructor), [
    ConsoleHandler,
  ]);
});

Deno.test("getLogger() gives the same logger each time, without handlers when setup does not know it", () => {
  const logger = getLogger("nonexistent");
  assertStrictEquals(getLogger("nonexistent"), logger);
  assertEquals([logger.levelName, logger.handlers], ["NOTSET", []]);
});
