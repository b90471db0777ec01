import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { badId, done, noRoomFor, notFound } from "../../../lib/state/rules.ts";

Deno.test("badId() takes 1 to 512 characters", () => {
  assertEquals(badId("id", "x"), undefined);
  assertEquals(badId("id", "x".repeat(512)), undefined);
  assertEquals(badId("id", "")?.refusal, {
    code: Code.InvalidArgument,
    field: "id",
    rule: "must have 1 to 512 characters",
    found: '""',
  });
  assertEquals(badId("id", "x".repeat(513))?.refusal.found, '"513 characters"');
});

Deno.test("notFound() and noRoomFor() say what is missing and how many there may be", () => {
  assertEquals(notFound("id", "pipeline", "p").refusal, {
    code: Code.NotFound,
    field: "id",
    rule: "must name a pipeline that exists",
    found: '"p"',
  });
  assertEquals(noRoomFor("id", "things", 3).refusal, {
    code: Code.ResourceExhausted,
    field: "id",
    rule: "there may be at most 3 things",
    found: "3",
  });
});

Deno.test("done() answers nothing unless told to", () => {
  assertEquals(done([]), { kind: "done", answer: {}, events: [] });
});
