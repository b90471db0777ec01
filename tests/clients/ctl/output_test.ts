import { assertEquals } from "@std/assert";
import { render } from "../../../clients/ctl/output.ts";

const found = {
  forms: [{ id: "a", offset: 2n ** 64n - 1n }, { id: "b", offset: 1n }],
  table: () => [["ID", "TROUBLE"], ["a", "-"], ["long", "two\nlines \x1b[31m"]],
};

Deno.test("render makes a table of aligned columns, in which nothing controls the terminal", () => {
  assertEquals(
    render("table", found),
    "ID    TROUBLE\na     -\nlong  two lines  [31m\n",
  );
});

Deno.test("render makes JSON with 64-bit integers as protobuf has them", () => {
  assertEquals(JSON.parse(render("json", found)), [
    { id: "a", offset: "18446744073709551615" },
    { id: "b", offset: "1" },
  ]);
  assertEquals(
    render("json", { ...found, forms: { a: 1 } }),
    '{\n  "a": 1\n}\n',
  );
});

Deno.test("render makes a YAML document of each thing", () => {
  assertEquals(
    render("yaml", found),
    "id: a\noffset: 18446744073709551615\n---\nid: b\noffset: 1\n",
  );
  assertEquals(render("yaml", { ...found, forms: [] }), "");
});
