import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  asConveyorError,
  Code,
  ConveyorError,
  invalidArgument,
  quote,
} from "../../lib/errors.ts";

Deno.test("Code has the numbers of gRPC", () => {
  const numbers = Object.values(Code).filter((code) =>
    typeof code === "number"
  );
  assertEquals(numbers, Array.from({ length: 16 }, (_, i) => i + 1));
  assertEquals([Code.InvalidArgument, Code.Unavailable, Code.Unauthenticated], [
    3,
    14,
    16,
  ]);
});

Deno.test("invalidArgument() names the field, the rule and the value", () => {
  const error = invalidArgument("port", "must be under 65536", 70_000);
  assertEquals(error.code, Code.InvalidArgument);
  assertEquals(
    error.message,
    'Cannot accept "port": must be under 65536, found 70000',
  );
  assertEquals(error.details, [{
    field: "port",
    description: "must be under 65536, found 70000",
  }]);
});

Deno.test("asConveyorError() keeps a ConveyorError, and the cause of anything else", () => {
  const known = new ConveyorError(Code.Aborted, "Cannot go on");
  assertStrictEquals(asConveyorError(known), known);
  const cause = new TypeError("x is undefined");
  const wrapped = asConveyorError(cause);
  assertEquals([wrapped.code, wrapped.message], [
    Code.Internal,
    "x is undefined",
  ]);
  assertStrictEquals(wrapped.cause, cause);
  assertEquals(asConveyorError("text").message, "text");
});

Deno.test("quote() shows any value shortly", () => {
  assertEquals(
    ["a", "x".repeat(90), new Uint8Array(3), null, undefined, 5n, [1, 2], {}]
      .map(quote),
    [
      '"a"',
      `"${"x".repeat(80)}…"`,
      "3 bytes",
      "null",
      "undefined",
      "5",
      "an array of 2",
      "an object",
    ],
  );
});
