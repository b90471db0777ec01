import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  backoffMs,
  blame,
  isTransient,
  resolveRetryPolicy,
} from "../../../lib/delivery/retry.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";

const codes = Object.values(Code).filter((code) => typeof code === "number");

Deno.test("blame() blames the record for what no other record would meet", () => {
  assertEquals(
    codes.filter((code) => blame(code) === "record"),
    [Code.InvalidArgument, Code.OutOfRange, Code.DataLoss],
  );
  assertEquals(
    codes.filter((code) => blame(code) === "either"),
    [Code.Unknown, Code.AlreadyExists, Code.Internal],
  );
});

Deno.test("isTransient() holds only for failures of the service", () => {
  const transient = codes.filter(isTransient);
  assertEquals(transient.length, 4);
  assert(transient.every((code) => blame(code) === "service"));
});

Deno.test("backoffMs() grows to its bound, jittered by up to half", () => {
  const policy = resolveRetryPolicy({
    initialBackoffMs: 100,
    maxBackoffMs: 350,
  });
  const full = [1, 2, 3, 50].map((attempts) =>
    backoffMs(policy, attempts, () => 1)
  );
  assertEquals(full, [100, 200, 350, 350]);
  assertEquals(backoffMs(policy, 1, () => 0), 50);
});

Deno.test("resolveRetryPolicy() names the option when it is out of range", () => {
  const cases: [object, string][] = [
    [{ maxAttempts: 0 }, "retry.maxAttempts"],
    [{ initialBackoffMs: -1 }, "retry.initialBackoffMs"],
    [{ initialBackoffMs: 50, maxBackoffMs: 49 }, "retry.maxBackoffMs"],
    [{ multiplier: NaN }, "retry.multiplier"],
  ];
  for (const [policy, field] of cases) {
    const error = assertThrows(() => resolveRetryPolicy(policy), ConveyorError);
    assertEquals(error.details[0]?.field, field);
  }
});
