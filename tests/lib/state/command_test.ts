import { assertEquals, assertStringIncludes } from "@std/assert";
import { decodeCommand, encodeCommand } from "../../../lib/state/command.ts";

Deno.test("decodeCommand() gives what encodeCommand() took", () => {
  const command = { deletePipeline: { pipelineId: "p", force: true } };
  assertEquals(decodeCommand(encodeCommand(command)), command);
});

Deno.test("decodeCommand() says what is wrong with bytes that it cannot read", () => {
  const unknownKind = new Uint8Array([0xfa, 0x7f, 0]);
  for (const bytes of [unknownKind, new Uint8Array(0)]) {
    assertEquals(
      decodeCommand(bytes),
      "has a kind that this version does not know",
    );
  }
  assertStringIncludes(
    decodeCommand(
      encodeCommand({ deletePipeline: {} }).subarray(0, 1),
    ) as string,
    "Cannot read message",
  );
});
