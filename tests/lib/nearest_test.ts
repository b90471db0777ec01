import { assertEquals } from "@std/assert";
import { nearest } from "../../lib/nearest.ts";

const known = ["node-id", "listen-addr", "peers", "data-dir"];

Deno.test("nearest() finds the name with the fewest changes", () => {
  assertEquals(nearest("node-di", known), "node-id");
  assertEquals(nearest("listen-adress", known), "listen-addr");
  assertEquals(nearest("peer", known), "peers");
  assertEquals(nearest("datadir", known), "data-dir");
});

Deno.test("nearest() finds the one name that begins so, though much is missing", () => {
  assertEquals(nearest("listen", known), "listen-addr");
  assertEquals(
    nearest("buffer", ["buffer-bytes", "buffer-records"]),
    undefined,
  );
  assertEquals(nearest("li", known), undefined);
});

Deno.test("nearest() is undefined when no name is near", () => {
  assertEquals(nearest("verbose", known), undefined);
  assertEquals(nearest("", known), undefined);
  assertEquals(nearest("x", []), undefined);
});
