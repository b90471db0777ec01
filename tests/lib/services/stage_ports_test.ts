import { assertEquals } from "@std/assert";
import type { CallLimits } from "../../../lib/delivery/ports.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { portOf } from "../../../lib/services/stage_ports.ts";
import { rejection } from "../../fixtures/rejection.ts";

const bytes = 100_000;
const limits: CallLimits = {
  timeoutMs: 1_000,
  records: 1,
  signal: new AbortController().signal,
};

for (const kind of ["transform", "lookup", "sink", "relay"] as const) {
  Deno.test(`portOf() a ${kind} frees a request once it is answered`, async () => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const port = portOf(kind, { call: () => promise, incarnation: () => 1 });
    const request = new Uint8Array(bytes);
    const answer = port.call(request, limits);
    assertEquals(request.length, bytes);
    resolve(new Uint8Array(bytes));
    assertEquals((await answer).length, bytes);
    assertEquals(request.length, 0);
  });

  Deno.test(`portOf() a ${kind} keeps a request that failed`, async () => {
    const port = portOf(kind, {
      call: () => Promise.reject(new ConveyorError(Code.Unavailable, "gone")),
      incarnation: () => 1,
    });
    const request = new Uint8Array(bytes);
    await rejection(
      Promise.resolve(port.call(request, limits)),
      Code.Unavailable,
    );
    assertEquals(request.length, bytes);
  });
}
