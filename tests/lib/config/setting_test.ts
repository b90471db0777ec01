import { assertEquals, assertThrows } from "@std/assert";
import {
  readSetting,
  type SettingRule,
  variableOf,
} from "../../../lib/config/setting.ts";
import { listenForm } from "../../../lib/address_forms.ts";
import { ConveyorError } from "../../../lib/errors.ts";

function settingOf(rule: SettingRule) {
  return { key: "a.b", flag: "b", rule, help: "" };
}

function refused(rule: SettingRule, found: unknown): string {
  return assertThrows(
    () => readSetting(settingOf(rule), found, "--b"),
    ConveyorError,
  ).message;
}

Deno.test("variableOf() makes a variable of the flag, unless it has its own", () => {
  const rule = { kind: "text" } as const;
  const setting = { key: "a.b", flag: "some-thing", rule, help: "" };
  assertEquals(variableOf(setting), "CONVEYOR_SOME_THING");
  assertEquals(variableOf({ ...setting, variable: "THING" }), "THING");
});

Deno.test("readSetting() takes a choice in letters of any case", () => {
  const rule = { kind: "choice", choices: ["INFO", "WARN"] } as const;
  assertEquals(readSetting(settingOf(rule), "info", "--b"), "INFO");
  assertEquals(
    refused(rule, true),
    'Cannot accept "--b": must be one of INFO, WARN, found true',
  );
});

Deno.test("readSetting() holds a text, and each part of a list, to its form", () => {
  const text = { kind: "text", form: listenForm } as const;
  const list = { kind: "list", form: listenForm } as const;
  assertEquals(readSetting(settingOf(text), "a:1", "--b"), "a:1");
  assertEquals(readSetting(settingOf(list), "a:1, b:2", "--b"), ["a:1", "b:2"]);
  assertEquals(
    refused(text, "a"),
    'Cannot accept "--b": must be "host:port", "[ipv6]:port" or "unix:/path", found "a"',
  );
  assertEquals(
    refused(text, 50_051),
    'Cannot accept "--b": must be "host:port", "[ipv6]:port" or "unix:/path", found 50051',
  );
  assertEquals(
    refused(list, ["a:1", "b"]),
    'Cannot accept "--b": must be "host:port", "[ipv6]:port" or "unix:/path" each, found "b"',
  );
  assertEquals(
    refused({ kind: "list" }, ["a", 1]),
    'Cannot accept "--b": must be a text that is not empty each, found 1',
  );
  assertEquals(
    refused({ kind: "list" }, { a: 1 }),
    'Cannot accept "--b": must be a list of texts, found an object',
  );
});

Deno.test("readSetting() takes whole numbers within their bounds only", () => {
  const rule = { kind: "integer", min: 1, max: 9, unit: "ms" } as const;
  assertEquals(readSetting(settingOf(rule), "7", "--b"), 7);
  for (const found of ["0", "10", "1e0", "0x1", " 1", "", 1.5, null, "1ms"]) {
    const message = refused(rule, found);
    assertEquals(
      message.slice(0, message.lastIndexOf(", found")),
      'Cannot accept "--b": must be an integer from 1 to 9 (ms)',
    );
  }
});
