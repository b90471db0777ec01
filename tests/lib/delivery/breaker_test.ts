import { assertEquals } from "@std/assert";
import { Breaker } from "../../../lib/delivery/breaker.ts";
import { resolveRetryPolicy } from "../../../lib/delivery/retry.ts";

const policy = resolveRetryPolicy({ initialBackoffMs: 100, maxBackoffMs: 400 });
const whole = () => 1 - 2 ** -32;

Deno.test("Breaker keeps calls away after a failure, then lets one probe", () => {
  const breaker = new Breaker(policy);
  assertEquals(breaker.allows(0), true);
  breaker.failed(0, whole);
  const waitMs = breaker.waitMs(0);
  assertEquals(waitMs > 0, true);
  assertEquals(breaker.allows(waitMs - 1), false);
  assertEquals(breaker.allows(waitMs), true);
  breaker.called();
  assertEquals(breaker.allows(waitMs), false);
  assertEquals(breaker.waitMs(waitMs), Infinity);
});

Deno.test("Breaker is shut by a success, and waits longer after each failed probe", () => {
  const breaker = new Breaker(policy);
  breaker.failed(0, whole);
  const first = breaker.waitMs(0);
  breaker.called();
  breaker.failed(first, whole);
  assertEquals(breaker.failures, 2);
  assertEquals(breaker.waitMs(first) > first, true);
  breaker.succeeded();
  assertEquals([breaker.failures, breaker.waitMs(0), breaker.allows(0)], [
    0,
    0,
    true,
  ]);
});

Deno.test("Breaker counts calls that fail together as one failure", () => {
  const breaker = new Breaker(policy);
  breaker.failed(0, whole);
  breaker.failed(1, whole);
  assertEquals(breaker.failures, 1);
});

Deno.test("Breaker lets the next probe go when one ended without a word on the instance", () => {
  const breaker = new Breaker(policy);
  breaker.failed(0, whole);
  breaker.called();
  breaker.ended();
  assertEquals(breaker.allows(10_000), true);
});
