import { assertEquals } from "@std/assert";
import { exitCodeOf } from "../../../lib/config/exit_code.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { StorageError } from "../../../lib/storage/storage_error.ts";

Deno.test("exitCodeOf() tells wrong use, what may come, and what needs an operator apart", () => {
  const error = (code: Code) => new ConveyorError(code, "Cannot start: test");
  assertEquals(exitCodeOf(error(Code.InvalidArgument)), 64);
  assertEquals(exitCodeOf(error(Code.Unavailable)), 69);
  assertEquals(exitCodeOf(error(Code.AlreadyExists)), 78);
  assertEquals(exitCodeOf(error(Code.FailedPrecondition)), 78);
  assertEquals(exitCodeOf(error(Code.DataLoss)), 78);
  assertEquals(exitCodeOf(error(Code.PermissionDenied)), 77);
  assertEquals(exitCodeOf(error(Code.Internal)), 1);
  assertEquals(exitCodeOf(new StorageError("locked", "in use")), 78);
  assertEquals(exitCodeOf(new TypeError("a bug")), 1);
});
