import { assertEquals } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { untilHeard } from "../../../lib/router/membership.ts";
import { rejection } from "../../fixtures/rejection.ts";

Deno.test("untilHeard() asks until a majority answers, and says once in a while why it waits", async () => {
  const refusals = [Code.Unavailable, Code.DeadlineExceeded, Code.Unavailable];
  let asked = 0;
  const said: unknown[] = [];
  await untilHeard(
    {
      read: () => {
        const code = refusals[asked++];
        return code === undefined
          ? Promise.resolve(7)
          : Promise.reject(new ConveyorError(code, `refusal ${asked}`));
      },
    },
    new AbortController().signal,
    (_message, fields) => void said.push(fields),
  );
  assertEquals(asked, 4);
  assertEquals(said, [{ reason: "refusal 1" }]);
});

Deno.test("untilHeard() ends with what will not get better, and with its signal", async () => {
  const fails = (code: Code) => ({
    read: () => Promise.reject(new ConveyorError(code, "no")),
  });
  const open = new AbortController().signal;
  await rejection(untilHeard(fails(Code.DataLoss), open), Code.DataLoss);
  const aborted = AbortSignal.abort();
  await rejection(
    untilHeard(fails(Code.Unavailable), aborted),
    Code.Unavailable,
  );
});
