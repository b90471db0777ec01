import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
  fail,
} from "@std/assert";
import { failure, rejection } from "../../fixtures/failed_assertion.ts";

Deno.test("assertThrows() returns what was thrown, of any type", () => {
  for (const thrown of ["Panic!", 1, null, undefined, new Error("foo")]) {
    assertStrictEquals(
      assertThrows(() => {
        throw thrown;
      }),
      thrown,
    );
  }
});

Deno.test("assertThrows() checks class and message, and returns an error of the class", () => {
  abstract class Abstract extends Error {
    readonly code = 7;
  }
  class Concrete extends Abstract {}
  const throwing = () => {
    throw new Concrete("it \x1b[31mfailed\x1b[39m");
  };
  const error = assertThrows(throwing, Abstract, "it failed");
  const code: number = error.code;
  assertEquals(code, 7);
  assertEquals(
    failure(() => assertThrows(throwing, TypeError)),
    'Expected error to be instance of "TypeError", but was "Concrete".',
  );
  assertEquals(
    failure(() =>
      assertThrows(() => fail("foo"), Error, "bar", "CUSTOM MESSAGE")
    ),
    'Expected error message to include "bar", but got "Failed assertion: foo": CUSTOM MESSAGE',
  );
  assertEquals(
    failure(() =>
      assertThrows(
        () => {
          throw "Panic!";
        },
        Error,
      )
    ),
    "A non-Error object was thrown.",
  );
});

Deno.test("assertThrows() fails when nothing is thrown", () => {
  assertEquals(
    failure(() => assertThrows(() => {})),
    "Expected function to throw.",
  );
  assertEquals(
    failure(() => assertThrows(() => {}, "CUSTOM MESSAGE")),
    "Expected function to throw: CUSTOM MESSAGE",
  );
  assertEquals(
    failure(() => assertThrows(() => {}, Error, "foo", "CUSTOM MESSAGE")),
    "Expected function to throw: CUSTOM MESSAGE",
  );
});

Deno.test("assertRejects() returns what was rejected with, and checks class and message", async () => {
  assertStrictEquals(await assertRejects(() => Promise.reject(null)), null);
  const error = await assertRejects(
    () => Promise.reject(new RangeError("foo bar")),
    RangeError,
    "foo",
  );
  assertEquals(error.message, "foo bar");
  assertEquals(
    await rejection(() =>
      assertRejects(() => Promise.reject(error), TypeError)
    ),
    'Expected error to be instance of "TypeError", but was "RangeError".',
  );
  assertEquals(
    await rejection(() => assertRejects(() => Promise.reject("a"), Error)),
    "A non-Error object was rejected.",
  );
});

Deno.test("assertRejects() takes anything with then for a promise", async () => {
  await assertRejects(
    () => ({
      then() {
        throw new Error("some error");
      },
    }),
    Error,
    "some error",
  );
});

Deno.test("assertRejects() fails when the function throws, returns no promise, or it resolves", async () => {
  const throws = "Function throws when expected to reject";
  assertEquals(
    await rejection(() =>
      assertRejects(() => {
        throw new Error("foo");
      })
    ),
    `${throws}.`,
  );
  assertEquals(
    // @ts-expect-error no promise is returned
    await rejection(() => assertRejects(() => {}, Error, "foo", "CUSTOM")),
    `${throws}: CUSTOM`,
  );
  assertEquals(
    await rejection(() => assertRejects(() => Promise.resolve(42), "CUSTOM")),
    "Expected function to reject: CUSTOM",
  );
});
