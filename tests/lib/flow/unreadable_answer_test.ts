import { assert, assertEquals, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { unreadableAnswer } from "../../../lib/flow/unreadable_answer.ts";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { WireError } from "../../../proto/wire.ts";

Deno.test("unreadableAnswer() holds malformed bytes against the service, and passes on what it said", () => {
  const { code, message } = unreadableAnswer(new WireError("group", 3));
  assertEquals(code, Code.Internal);
  assert(message.startsWith("Cannot read the answer of the service"), message);
  const said = new ConveyorError(Code.Unknown, "Cannot write batch: full");
  assertEquals(unreadableAnswer(said), said);
});

Deno.test("unreadableAnswer() holds no bug of the router against the service", () => {
  const bug = new InvariantViolation("record 7 is settled twice");
  assertThrows(() => unreadableAnswer(bug), InvariantViolation, bug.message);
});
