import { assert, assertEquals } from "@std/assert";
import { helpText } from "../../../lib/config/help_text.ts";

Deno.test("helpText() shows each setting with all its names and its default", () => {
  const text = helpText("server.ts [flags]", [{
    key: "grpc.listen_addr",
    flag: "listen-addr",
    short: "l",
    rule: { kind: "text" },
    fallback: "a:1",
    help: "where to listen",
  }]);
  assertEquals(text.split("\n").slice(5, 7), [
    "  -l, --listen-addr  where to listen (default: a:1)",
    "                     CONVEYOR_LISTEN_ADDR, grpc.listen_addr",
  ]);
});

Deno.test("helpText() shows which values a setting takes, and their unit", () => {
  const text = helpText("server.ts [flags]", [{
    key: "a.wait_ms",
    flag: "wait-ms",
    rule: { kind: "integer", min: 1, max: 9, unit: "ms" },
    fallback: 5,
    help: "how long",
  }, {
    key: "a.bytes",
    flag: "bytes",
    rule: {
      kind: "integer",
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      unit: "bytes",
    },
    help: "how much",
  }, {
    key: "a.kind",
    flag: "kind",
    rule: { kind: "choice", choices: ["a", "b"] },
    help: "of which kind",
  }]);
  assert(text.includes("how long (1 to 9 ms; default: 5)"), text);
  assert(text.includes("how much (1 or more bytes)"), text);
  assert(text.includes("of which kind (a, b)"), text);
  assert(text.includes("CONVEYOR_CONFIG"), text);
  assert(text.includes("64 for wrong use"), text);
});
