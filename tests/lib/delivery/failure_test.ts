import { assertEquals } from "@std/assert";
import { codeName, decideCall } from "../../../lib/delivery/failure.ts";
import { Code } from "../../../lib/errors.ts";

Deno.test("decideCall() halves a batch until one record is charged", () => {
  for (const code of [Code.InvalidArgument, Code.OutOfRange, Code.DataLoss]) {
    assertEquals(decideCall(code, 2, false), { kind: "halve" });
    assertEquals(decideCall(code, 1, false), {
      kind: "charge",
      inDoubt: false,
    });
  }
  for (const code of [Code.Internal, Code.Unknown]) {
    assertEquals(decideCall(code, 500, false), { kind: "halve" });
    assertEquals(decideCall(code, 1, false), { kind: "charge", inDoubt: true });
  }
});

Deno.test("decideCall() waits for a service that is at fault, and charges no record", () => {
  for (
    const code of [
      Code.Unavailable,
      Code.DeadlineExceeded,
      Code.Aborted,
      Code.Unauthenticated,
      Code.PermissionDenied,
      Code.NotFound,
      Code.FailedPrecondition,
      Code.Unimplemented,
    ]
  ) {
    for (const records of [1, 500]) {
      assertEquals(decideCall(code, records, false), {
        kind: "wait",
        halve: false,
      });
    }
  }
  assertEquals(decideCall(Code.ResourceExhausted, 2, false), {
    kind: "wait",
    halve: true,
  });
  assertEquals(decideCall(Code.ResourceExhausted, 1, false), {
    kind: "wait",
    halve: false,
  });
});

Deno.test("decideCall() holds it against one large record that it is too much for the service", () => {
  assertEquals(decideCall(Code.ResourceExhausted, 1, true), {
    kind: "charge",
    inDoubt: true,
  });
  assertEquals(decideCall(Code.ResourceExhausted, 2, true), {
    kind: "wait",
    halve: true,
  });
});

Deno.test("codeName() gives the names of gRPC", () => {
  assertEquals(codeName(Code.InvalidArgument), "INVALID_ARGUMENT");
  assertEquals(codeName(Code.Canceled), "CANCELLED");
});
