import { assertEquals } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { RefusalLog } from "../../../lib/handlers/refusal_log.ts";
import { refusalsRememberedMax } from "../../../lib/limits.ts";
import type { LogFields } from "../../../lib/log.ts";

function logged(): { refusals: RefusalLog; lines: LogFields[] } {
  const lines: LogFields[] = [];
  const refusals = new RefusalLog((_message, fields = {}) =>
    void lines.push(fields)
  );
  return { refusals, lines };
}

const removed = (at: number): ConveyorError =>
  new ConveyorError(Code.NotFound, `Cannot admit it: removed at ${at}`);

Deno.test("note() logs once for each peer and reason, whatever its numbers", () => {
  const { refusals, lines } = logged();
  for (let at = 0; at < 100; at++) {
    for (const peer of ["node 1", "node 2"]) refusals.note(peer, removed(at));
  }
  refusals.note("node 1", new ConveyorError(Code.DataLoss, "Cannot"));
  assertEquals(lines, [
    { peer: "node 1", code: "NotFound", reason: removed(0).message },
    { peer: "node 2", code: "NotFound", reason: removed(0).message },
    { peer: "node 1", code: "DataLoss", reason: "Cannot" },
  ]);
});

Deno.test("note() logs again what a peer is refused for after it was let in", () => {
  const { refusals, lines } = logged();
  refusals.note("node 1", removed(1));
  refusals.forget("node 1");
  refusals.note("node 1", removed(2));
  assertEquals(lines.length, 2);
});

Deno.test("note() gives the error back, and logs no ordinary end of a stream", () => {
  const { refusals, lines } = logged();
  for (const code of [Code.Canceled, Code.Aborted, Code.Unavailable]) {
    const error = new ConveyorError(code, "Cannot go on");
    assertEquals(refusals.note("node 1", error), error);
  }
  const odd = new TypeError("a bug");
  assertEquals(refusals.note("node 1", odd), odd);
  assertEquals(lines, []);
});

Deno.test("RefusalLog forgets the oldest peer when there are too many", () => {
  const { refusals, lines } = logged();
  for (let peer = 0; peer <= refusalsRememberedMax; peer++) {
    refusals.note(`host ${peer}`, removed(1));
  }
  const before = lines.length;
  refusals.note(`host ${refusalsRememberedMax}`, removed(1));
  assertEquals(lines.length, before);
  refusals.note("host 0", removed(1));
  assertEquals(lines.length, before + 1);
});
