import { assertEquals } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import {
  decodeAnswer,
  encodeAnswer,
  refusalError,
} from "../../../lib/state/answer.ts";
import { refuse } from "../../../lib/state/rules.ts";

Deno.test("decodeAnswer() gives what encodeAnswer() took", () => {
  assertEquals(decodeAnswer(encodeAnswer({})), {});
  const { refusal } = refuse(Code.NotFound, "id", "must be known", "x");
  assertEquals(decodeAnswer(encodeAnswer({ refusal })), { refusal });
});

Deno.test("refusalError() names what was tried, the field, the rule and the value", () => {
  const { refusal } = refuse(Code.NotFound, "id", "must be known", "x");
  const error = refusalError('drain service "x"', refusal);
  assertEquals(error instanceof ConveyorError, true);
  assertEquals(error.code, Code.NotFound);
  assertEquals(
    error.message,
    'Cannot drain service "x": id must be known, found "x"',
  );
  assertEquals(error.details, [
    { field: "id", description: 'must be known, found "x"' },
  ]);
});
