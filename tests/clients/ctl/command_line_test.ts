import { assert, assertEquals, assertThrows } from "@std/assert";
import { readCommandLine } from "../../../clients/ctl/command_line.ts";
import { commands } from "../../../clients/ctl/commands.ts";
import { helpText } from "../../../clients/ctl/help.ts";
import { ConveyorError } from "../../../lib/errors.ts";

function run(...args: string[]) {
  const line = readCommandLine(commands, args);
  assert(line.kind === "run", line.kind);
  return { ...line, name: line.command.name };
}

Deno.test("readCommandLine finds the command, its words and its flags, wherever these stand", () => {
  const { name, words, flags } = run("-o", "json", "delete", "--force", "007");
  assertEquals([name, words], ["delete", ["007"]]);
  assertEquals(flags.text("output"), "json");
  assertEquals([flags.isSet("force"), flags.isSet("drain")], [true, false]);
});

Deno.test("readCommandLine takes a flag several times where that makes sense", () => {
  const { flags } = run("apply", "-f", "a.yaml", "--file=b.yaml", "-f", "-");
  assertEquals(flags.texts("file"), ["a.yaml", "b.yaml", "-"]);
});

Deno.test("readCommandLine leaves out a word that may be left out", () => {
  assertEquals(run("status").words[0], undefined);
  assertEquals(run("status", "orders").words[0], "orders");
});

Deno.test("readCommandLine takes any number of words where a command does", () => {
  assertEquals(run("letters", "replay", "a", "b").words, ["a", "b"]);
  assertEquals(run("letters", "replay", "--all").words, []);
  assertEquals(run("letters").name, "letters");
});

for (
  const [args, says] of [
    [
      ["aply"],
      'Cannot accept "aply": there is no such command; did you mean "apply"?',
    ],
    [
      ["xyzzy"],
      'Cannot accept "xyzzy": there is no such command; --help lists all',
    ],
    [
      ["list", "--forse"],
      'Cannot accept "--forse": there is no such flag; did you mean "--force"?',
    ],
    [
      ["list", "--force"],
      'Cannot accept "--force": "list" has no such flag; --help lists its flags',
    ],
    [
      ["delete", "a", "--force=no"],
      'Cannot accept "--force": it takes no value',
    ],
    [
      ["list", "-o", "xml"],
      'Cannot accept "--output": must be one of table, json, yaml, found "xml"',
    ],
    [
      ["list", "-o", "json", "-o", "yaml"],
      'Cannot accept "--output": it is given more than once',
    ],
    [["apply", "-f"], 'Cannot accept "--file": it needs a FILE'],
    [["apply"], 'Cannot accept "apply": it needs a flag; say apply -f FILE'],
    [["letters", "lst"], 'Cannot accept "lst": did you mean "letters list"?'],
    [
      ["backup"],
      'Cannot accept "backup": say one of backup create, backup list, backup download, backup delete, backup restore',
    ],
    [
      ["bakcup", "list"],
      'Cannot accept "bakcup": there is no such command; did you mean "backup"?',
    ],
    [["get"], 'Cannot accept "get": it needs a word more; say get ID'],
    [
      ["letters", "discard", ""],
      'Cannot accept "letters discard": it has a word that is empty',
    ],
    [
      ["help", "aply"],
      'Cannot accept "aply": there is no such command; did you mean "apply"?',
    ],
    [
      ["xyzzy", "--help"],
      'Cannot accept "xyzzy": there is no such command; --help lists all',
    ],
    [
      ["get", "a", "b"],
      'Cannot accept "b": it is one word too many; say get ID',
    ],
  ] as const
) {
  Deno.test(`readCommandLine refuses ${args.join(" ")}`, () => {
    const { message } = assertThrows(
      () => readCommandLine(commands, args),
      ConveyorError,
    );
    assertEquals(message, says);
  });
}

for (const args of [[], ["help"], ["--help"], ["-h"]]) {
  Deno.test(`readCommandLine [${args}] asks for help about all commands`, () => {
    const line = readCommandLine(commands, args);
    assert(line.kind === "help");
    assertEquals(line.about, commands);
    const text = helpText("ctl", commands, line.about);
    for (const { name } of commands) assert(text.includes(`  ${name}`), name);
    for (const row of text.split("\n")) assert(row.length <= 120, row);
  });
}

for (
  const args of [["help", "disable"], ["disable", "--help"], [
    "disable",
    "a",
    "-h",
  ]]
) {
  Deno.test(`readCommandLine [${args}] asks for help about one command`, () => {
    const line = readCommandLine(commands, args);
    assert(line.kind === "help");
    assertEquals(line.about.map(({ name }) => name), ["disable"]);
    assert(helpText("ctl", commands, line.about).includes("--drain"));
  });
}
