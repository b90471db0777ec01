import { assertEquals, assertThrows } from "@std/assert";
import {
  formatHistory,
  operationsOf,
  operationsUpTo,
  parseHistory,
} from "./history.ts";

const put = { type: "invoke", client: 1, op: "put", key: "x", value: "a" };

Deno.test("parseHistory() reads what formatHistory() wrote", () => {
  const events = parseHistory(
    `${JSON.stringify({ ...put, time: 1 })}\n\n` +
      `{"type":"return","client":1,"outcome":"ok","value":null,"time":1.5}\n`,
  );
  assertEquals(parseHistory(formatHistory(events)), events);
  assertEquals(events.length, 2);
});

Deno.test("parseHistory() names line, field, rule and value of what it refuses", () => {
  const cases: [unknown, string][] = [
    [{ ...put }, '"time" must be a number, found undefined'],
    [
      { ...put, time: 1, client: "a" },
      '"client" must be an integer, found "a"',
    ],
    [
      { ...put, time: 1, op: "delete" },
      '"op" must be put or get or cas or append or commit or offset, found "delete"',
    ],
    [{ ...put, time: 1, value: null }, '"value" must be text, found null'],
    [
      { ...put, time: 1, op: "cas" },
      '"expected" must be text or null, found undefined',
    ],
    [
      { ...put, time: 1, op: "commit" },
      '"value" must be digits, found "a"',
    ],
    [
      { type: "return", client: 1, time: 1 },
      '"outcome" must be ok or fail or unknown, found undefined',
    ],
    [
      { ...put, type: "x", time: 1 },
      '"type" must be invoke or return, found "x"',
    ],
    [7, "no object"],
  ];
  for (const [line, message] of cases) {
    const error = assertThrows(
      () => parseHistory(`\n${JSON.stringify(line)}`),
      SyntaxError,
    );
    assertEquals(error.message, `Cannot read line 2: ${message}`);
  }
  assertThrows(() => parseHistory("{"), SyntaxError, "line 1: not JSON");
});

Deno.test("operationsOf() refuses events that cannot follow each other", () => {
  const line = (event: object, time: number): string =>
    `${JSON.stringify({ ...event, time })}\n`;
  const ok = { type: "return", client: 1, outcome: "ok" };
  for (
    const [text, message] of [
      [line(put, 1) + line(put, 2), "client 1 has an operation under way"],
      [line(ok, 1), "client 1 has no operation under way"],
      [line(put, 2) + line(ok, 1), "time goes back to 1"],
    ] as const
  ) {
    assertThrows(() => operationsOf(parseHistory(text)), SyntaxError, message);
  }
});

Deno.test("operationsUpTo() leaves open what returns later", () => {
  const operations = operationsOf(parseHistory(
    [
      { ...put, time: 0 },
      { ...put, client: 2, time: 1 },
      { type: "return", client: 1, outcome: "ok", time: 2 },
      { type: "return", client: 2, outcome: "ok", time: 3 },
      { ...put, time: 4 },
      { type: "return", client: 1, outcome: "fail", time: 5 },
    ].map((event) => JSON.stringify(event)).join("\n"),
  ));
  assertEquals(operations.map(({ returned }) => returned), [2, 3]);
  assertEquals(
    operationsUpTo(operations, 2).map(({ known }) => known),
    [true, false],
  );
  assertEquals(operationsUpTo(operations, 0).length, 1);
});
