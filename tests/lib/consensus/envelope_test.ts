import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  decodeEnvelope,
  encodeEnvelope,
  RequestIds,
  requestKey,
} from "../../../lib/consensus/envelope.ts";
import { InvariantViolation } from "../../../lib/invariant.ts";

const requestId = new Uint8Array(16).map((_, at) => at + 1);

Deno.test("decodeEnvelope() gives back what encodeEnvelope() was given", () => {
  const envelope = {
    requestId,
    atMs: 1_764_000_000_000.25,
    command: new Uint8Array([7, 8, 9]),
  };
  assertEquals(decodeEnvelope(encodeEnvelope(envelope)), envelope);
  const empty = { requestId, atMs: 0, command: new Uint8Array(0) };
  assertEquals(decodeEnvelope(encodeEnvelope(empty)), empty);
});

Deno.test("decodeEnvelope() refuses what is short or of a later version", () => {
  const data = encodeEnvelope({
    requestId,
    atMs: 5,
    command: new Uint8Array(3),
  });
  for (let length = 0; length < data.length - 3; length++) {
    assertEquals(decodeEnvelope(data.subarray(0, length)), undefined);
  }
  data[0] = 2;
  assertEquals(decodeEnvelope(data), undefined);
});

Deno.test("encodeEnvelope() stops the node for an id of another length", () => {
  assertThrows(
    () =>
      encodeEnvelope({
        requestId: new Uint8Array(15),
        atMs: 0,
        command: new Uint8Array(0),
      }),
    InvariantViolation,
  );
});

Deno.test("RequestIds never repeats an id, over nodes and restarts", () => {
  const keys = new Set<string>();
  for (const node of [1, 2, 300]) {
    for (const incarnation of [1, 2]) {
      const ids = new RequestIds(node, incarnation);
      for (let i = 0; i < 100; i++) keys.add(requestKey(ids.next()));
    }
  }
  assertEquals(keys.size, 600);
  const ids = new RequestIds(1, 1);
  const first = ids.next();
  assertNotEquals(ids.next(), first);
  assertEquals(requestKey(first).length, 32);
});
