import { assertEquals, assertStrictEquals } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { blamingTheLarge } from "../../../lib/runtime/oversized.ts";

const call = 'Cannot call "/conveyor.sink.SinkService/WriteBatch": ';

Deno.test("blamingTheLarge() blames records for a message that is too large, in the words of each gRPC", () => {
  const wordings = [
    "Received message larger than max (70000000 vs 67108864)",
    "Received message that decompresses to a size larger than 67108864",
    "Sent message larger than max (5 vs. 4)",
    "Attempted to send message with a size larger than 4",
    "CLIENT: Received message larger than max (5 vs. 4)",
    "grpc: received message larger than max (5 vs. 4)",
    "grpc: trying to send message larger than max (5 vs. 4)",
    "gRPC message exceeds maximum size 4: 5",
    "Received message exceeds the maximum configured message size.",
    "it must be at most 4 bytes when encoded, found 5",
  ];
  for (const wording of wordings) {
    const error = new ConveyorError(Code.ResourceExhausted, call + wording);
    const blaming = blamingTheLarge(error) as ConveyorError;
    assertEquals(blaming.code, Code.OutOfRange, wording);
    assertEquals(blaming.message.startsWith(call + wording), true, wording);
    assertStrictEquals(blaming.cause, error);
  }
});

Deno.test("blamingTheLarge() leaves every other error as it is", () => {
  const errors = [
    new ConveyorError(Code.ResourceExhausted, `${call}the queue is full`),
    new ConveyorError(Code.Internal, `${call}Sent message larger than max`),
    new Error("Received message larger than max"),
  ];
  for (const error of errors) assertStrictEquals(blamingTheLarge(error), error);
});
