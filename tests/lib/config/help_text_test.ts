import { assertEquals } from "@std/assert";
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
  assertEquals(text.split("\n").slice(4, 6), [
    "  -l, --listen-addr  where to listen (default: a:1)",
    "                     CONVEYOR_LISTEN_ADDR, grpc.listen_addr",
  ]);
});
