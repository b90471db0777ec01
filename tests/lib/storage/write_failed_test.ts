import { assertEquals } from "@std/assert";
import { writeFailed } from "../../../lib/storage/write_failed.ts";

Deno.test("writeFailed() says what to do about a disk that is full", () => {
  const full = new Error("database or disk is full");
  const error = writeFailed("the store", full);
  assertEquals(
    error.message,
    "Cannot write to the store: database or disk is full; make room for it; whether it was written is unknown",
  );
  assertEquals([error.fault, error.cause, error.needsOperator], [
    "writeFailed",
    full,
    false,
  ]);
  assertEquals(
    writeFailed("the dead letters", new Error("disk I/O error")).message,
    "Cannot write to the dead letters: disk I/O error; whether it was written is unknown",
  );
});
