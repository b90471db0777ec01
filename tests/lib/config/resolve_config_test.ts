import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Configuration,
  type PlacedValue,
} from "../../../lib/config/configuration.ts";
import {
  parseCommandLine,
  readConfigFile,
  readEnvironment,
} from "../../../lib/config/resolve_config.ts";
import type { Setting } from "../../../lib/config/setting.ts";
import { ConveyorError } from "../../../lib/errors.ts";

const settings: readonly Setting[] = [
  {
    key: "cluster.node_id",
    flag: "node-id",
    rule: { kind: "integer", min: 1, max: 100 },
    fallback: 1,
    help: "number of this node",
  },
  {
    key: "cluster.peers",
    flag: "peers",
    rule: { kind: "list" },
    help: "the nodes",
  },
  {
    key: "grpc.listen_addr",
    flag: "listen-addr",
    short: "l",
    rule: { kind: "text" },
    fallback: "0.0.0.0:50051",
    help: "where to listen",
  },
  {
    key: "log.level",
    flag: "log-level",
    rule: { kind: "choice", choices: ["DEBUG", "INFO"] },
    fallback: "INFO",
    help: "how much to tell",
  },
];

function flagsOf(...args: string[]): ReadonlyMap<string, PlacedValue> {
  const line = parseCommandLine(settings, args);
  if (line.kind !== "run") throw new Error(`asked for ${line.kind}`);
  return line.flags;
}

function refusal(work: () => unknown): string {
  return assertThrows(work, ConveyorError).message;
}

Deno.test("a flag wins over the environment, that over the file, and that over the default", () => {
  const flags = flagsOf("--node-id", "7");
  const environment = readEnvironment(
    settings,
    (name) =>
      ({ CONVEYOR_NODE_ID: "6", CONVEYOR_LISTEN_ADDR: "[::1]:1" })[name],
  );
  const file = readConfigFile(
    settings,
    "c.yaml",
    "cluster: {node_id: 5, peers: [a, b]}\ngrpc:\n  listen_addr: x:2\n",
  );
  const config = new Configuration(settings, [flags, environment, file]);
  assertEquals(config.number("cluster.node_id"), 7);
  assertEquals(config.list("cluster.peers"), ["a", "b"]);
  assertEquals(config.text("grpc.listen_addr"), "[::1]:1");
  assertEquals(config.textOrDefault("log.level"), "INFO");
  assertEquals(
    ["cluster.node_id", "grpc.listen_addr", "cluster.peers", "log.level"]
      .map((key) => config.placeOf(key)),
    [
      "--node-id",
      "CONVEYOR_LISTEN_ADDR",
      "c.yaml: cluster.peers",
      "--log-level",
    ],
  );
});

Deno.test("parseCommandLine() reads long and short flags, lists, help and version", () => {
  assertEquals(
    flagsOf("-l", "a:1", "--peers=x,y"),
    new Map<string, PlacedValue>([
      ["cluster.peers", { value: ["x", "y"], place: "--peers" }],
      ["grpc.listen_addr", { value: "a:1", place: "--listen-addr" }],
    ]),
  );
  assertEquals(parseCommandLine(settings, ["--help"]), { kind: "help" });
  assertEquals(parseCommandLine(settings, ["-h"]), { kind: "help" });
  assertEquals(parseCommandLine(settings, ["--version"]), { kind: "version" });
  const line = parseCommandLine(settings, ["-c", "my.yaml"]);
  assertEquals(line.kind === "run" && line.file, "my.yaml");
});

Deno.test("parseCommandLine() refuses what it does not know, with the nearest name", () => {
  assertEquals(
    refusal(() => flagsOf("--node-di", "1")),
    'Cannot accept "--node-di": there is no such flag; did you mean "--node-id"?',
  );
  assertEquals(
    refusal(() => flagsOf("--zzzzzzzz")),
    'Cannot accept "--zzzzzzzz": there is no such flag; --help lists all',
  );
  assertEquals(
    refusal(() => flagsOf("-x")),
    'Cannot accept "-x": there is no such flag; --help lists all',
  );
  assertEquals(
    refusal(() => flagsOf("--no-help")),
    'Cannot accept "--no-help": there is no such flag; did you mean "--help"?',
  );
  assertEquals(
    refusal(() => flagsOf("--help=false")),
    'Cannot accept "--help": it takes no value',
  );
  assertEquals(
    refusal(() => flagsOf("start")),
    'Cannot accept "start": this command takes flags only, each as --name value',
  );
  assertEquals(
    refusal(() => flagsOf("--", "start")),
    'Cannot accept "start": this command takes flags only, each as --name value',
  );
  assertEquals(
    refusal(() => flagsOf("--node-id", "1", "--node-id", "2")),
    'Cannot accept "--node-id": it is given more than once',
  );
});

Deno.test("a value that breaks its rule is refused by its place, the rule and the value", () => {
  const cases: [() => unknown, string][] = [
    [
      () => flagsOf("--node-id", "0"),
      'Cannot accept "--node-id": must be an integer from 1 to 100, found "0"',
    ],
    [
      () => flagsOf("--node-id", "-1"),
      'Cannot accept "--node-id": must be an integer from 1 to 100, found "-1"',
    ],
    [
      () => flagsOf("--node-id", "1.5"),
      'Cannot accept "--node-id": must be an integer from 1 to 100, found "1.5"',
    ],
    [
      () => flagsOf("--listen-addr", ""),
      'Cannot accept "--listen-addr": must be a text that is not empty, found ""',
    ],
    [
      () => readEnvironment(settings, () => "loud"),
      'Cannot accept "CONVEYOR_NODE_ID": must be an integer from 1 to 100, found "loud"',
    ],
    [
      () => readConfigFile(settings, "c.yaml", "log: {level: LOUD}"),
      'Cannot accept "c.yaml: log.level": must be one of DEBUG, INFO, found "LOUD"',
    ],
    [
      () => readConfigFile(settings, "c.yaml", "cluster: {peers: [a, '']}"),
      'Cannot accept "c.yaml: cluster.peers": must be a text that is not empty each, found ""',
    ],
  ];
  for (const [work, message] of cases) assertEquals(refusal(work), message);
});

Deno.test("readConfigFile() refuses unknown keys and what is no mapping", () => {
  assertEquals(
    refusal(() => readConfigFile(settings, "c.yaml", "clutser: {}")),
    'Cannot accept "c.yaml: clutser": there is no such key; did you mean "cluster"?',
  );
  assertEquals(
    refusal(() => readConfigFile(settings, "c.yaml", "grpc: {listen_adr: x}")),
    'Cannot accept "c.yaml: grpc.listen_adr": there is no such key; did you mean "grpc.listen_addr"?',
  );
  for (const text of ["listen_addr: x", "cluster: {listen_addr: x}"]) {
    assert(
      refusal(() => readConfigFile(settings, "c.yaml", text)).endsWith(
        'there is no such key; did you mean "grpc.listen_addr"?',
      ),
    );
  }
  assertEquals(
    refusal(() => readConfigFile(settings, "c.yaml", "- a\n- b")),
    'Cannot accept "c.yaml": it must be a mapping of names',
  );
  assertEquals(
    refusal(() => readConfigFile(settings, "c.yaml", "grpc: 5")),
    'Cannot accept "c.yaml": "grpc" must be a mapping of names',
  );
  const told: [yaml: string, reason: string][] = [
    ["grpc: {a: [}", "at line 1, column 12"],
    ["grpc: {}\ngrpc: {}", "Map keys must be unique at line 2, column 1"],
    ["log: &a {level: *a, b: *a}", 'aliases ("*name") are not taken'],
    ["a: 1\n---\nb: 1", "it must be one YAML document"],
    ["\u0000\u0001", "it must be a mapping of names"],
  ];
  for (const [yaml, reason] of told) {
    const message = refusal(() => readConfigFile(settings, "c.yaml", yaml));
    assert(message.startsWith('Cannot accept "c.yaml": '), message);
    assert(message.endsWith(reason), message);
  }
  assertEquals(readConfigFile(settings, "c.yaml", "").size, 0);
  assertEquals(readConfigFile(settings, "c.yaml", "grpc:\n").size, 0);
});
