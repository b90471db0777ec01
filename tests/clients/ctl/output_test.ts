import { assertEquals } from "@std/assert";
import { parse } from "yaml";
import { printable, render } from "../../../clients/ctl/output.ts";

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

Deno.test("render aligns columns by what a terminal shows of wide and of composed characters", () => {
  const rows = ["日本", "e\u0301", "👩‍👩‍👧", "abcde"].map((name) => [name, "x"]);
  assertEquals(
    render("table", { forms: [], table: () => rows }),
    "日本   x\ne\u0301      x\n👩‍👩‍👧     x\nabcde  x\n",
  );
});

Deno.test("render makes a table of any length", () => {
  const rows = Array(200_000).fill(["x"]);
  const text = render("table", { forms: [], table: () => rows });
  assertEquals(text.length, 400_000);
});

Deno.test("render escapes in JSON and YAML what would control the terminal, and it is read the same", () => {
  const form = { "a\x9b": "b\x7f\x85\x1b[31m" };
  for (const output of ["json", "yaml"] as const) {
    const text = render(output, { forms: form, table: () => [] });
    assertEquals(printable(text), text);
    assertEquals(parse(text), form);
  }
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
