import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Configuration } from "../../../lib/config/configuration.ts";
import type { Setting } from "../../../lib/config/setting.ts";
import { Code, ConveyorError, invalidArgument } from "../../../lib/errors.ts";
import { InvariantViolation } from "../../../lib/invariant.ts";

const text = { kind: "text" } as const;
const settings: readonly Setting[] = [
  { key: "a.one", flag: "one", option: "one", rule: text, help: "" },
  { key: "a.two", flag: "two", option: "two.x", rule: text, help: "" },
  {
    key: "a.all",
    flag: "all",
    option: "all",
    rule: { kind: "list" },
    fallback: ["d"],
    help: "",
  },
  { key: "a.cert", flag: "cert", rule: { kind: "file" }, help: "" },
  { key: "a.key", flag: "key", rule: { kind: "file" }, help: "" },
];

function configOf(values: Record<string, [place: string, value: string]>) {
  const entries = Object.entries(values).map(([key, [place, value]]) =>
    [key, { place, value }] as const
  );
  return new Configuration(settings, [new Map(entries)]);
}

function messageIn(error: unknown): string {
  return error instanceof ConveyorError ? error.message : "no such error";
}

Deno.test("Configuration knows what is set, what stands for what is not, and which files are named", () => {
  const config = configOf({ "a.one": ["--one", "1"], "a.key": ["KEY", "k"] });
  assertEquals(config.text("a.one"), "1");
  assertEquals(config.text("a.two"), undefined);
  assertEquals(config.list("a.all"), ["d"]);
  assertEquals(config.fileKeys, ["a.key"]);
  assertEquals(config.placeOf("a.key"), "KEY");
  assertEquals(config.placeOf("a.two"), "--two");
  assertThrows(() => config.number("a.one"), InvariantViolation);
  assertThrows(() => config.text("a.three"), InvariantViolation);
});

Deno.test("inOperatorsWords() calls options by where they are set, and leaves the value that was found", () => {
  const config = configOf({
    "a.one": ["c.yaml: a.one", "one"],
    "a.two": ["TWO", "2"],
  });
  const told = config.inOperatorsWords(
    invalidArgument("one", 'must be less than "two.x", which is 2', "two.x"),
  );
  assertEquals(
    messageIn(told),
    'Cannot accept "c.yaml: a.one": must be less than "TWO", which is 2, found "two.x"',
  );
  assertEquals((told as ConveyorError).details[0]?.field, "c.yaml: a.one");
  assertEquals((told as ConveyorError).code, Code.InvalidArgument);
});

Deno.test("inOperatorsWords() knows the parts of an option", () => {
  const config = configOf({});
  for (const field of ["all", "all.2", "all[0].url"]) {
    assertEquals(
      messageIn(config.inOperatorsWords(invalidArgument(field, "must", 1))),
      'Cannot accept "--all": must, found 1',
    );
  }
});

Deno.test("inOperatorsWords() leaves errors that are of no option as they are", () => {
  const config = configOf({});
  for (
    const thrown of [
      new Error("one"),
      new ConveyorError(Code.Unavailable, 'Cannot use data directory "one"'),
      invalidArgument("allotment", 'must be "here"', "one"),
    ]
  ) assertStrictEquals(config.inOperatorsWords(thrown), thrown);
});
