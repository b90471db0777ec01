import { assert, assertEquals } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { grpc } from "../../../lib/runtime/grpc.ts";
import {
  errorFromStatus,
  metadataToGrpc,
  statusFromError,
} from "../../../lib/runtime/status.ts";

function failed(code: number, details: string): ConveyorError {
  return errorFromStatus("/s/M", {
    code,
    details,
    metadata: new grpc.Metadata(),
  });
}

Deno.test("errorFromStatus() reads a lost connection as Unavailable, other INTERNAL as Internal", () => {
  const lost = failed(
    13,
    "Received RST_STREAM with code 0 (Call ended without gRPC status)",
  );
  assertEquals([lost.code, lost.message], [
    Code.Unavailable,
    'Cannot call "/s/M": the connection was lost',
  ]);
  for (
    const text of [
      "Received RST_STREAM with code 2 triggered by internal client error: write EPIPE",
      "Received RST_STREAM with code 2 triggered by internal client error: This socket has been ended by the other party",
      "Received RST_STREAM with code 2 triggered by internal client error: Session closed with error code 2",
      "Failed to start HTTP/2 stream with error New streams cannot be created after receiving a GOAWAY",
      "Failed to start HTTP/2 stream with error The session has been destroyed",
    ]
  ) assertEquals(failed(13, text).code, Code.Unavailable, text);
  for (
    const text of [
      "Received RST_STREAM with code 2",
      "Received RST_STREAM with code 2 triggered by internal client error: Protocol error",
    ]
  ) assertEquals(failed(13, text).code, Code.Internal, text);
  assertEquals(failed(13, "bug").code, Code.Internal);
});

Deno.test("errorFromStatus() tells why there is no connection, and nothing else", () => {
  const refused = failed(
    14,
    "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:9. Resolution note: ",
  );
  assertEquals([refused.code, refused.message], [
    Code.Unavailable,
    'Cannot call "/s/M": no connection: connect ECONNREFUSED 127.0.0.1:9',
  ]);
});

Deno.test("errorFromStatus() takes a code that gRPC does not have for Unknown", () => {
  assertEquals(failed(99, "odd").code, Code.Unknown);
  assert(failed(5, "").message.includes("no reason given"));
});

Deno.test("statusFromError() carries everything that errorFromStatus() reads", () => {
  const error = new ConveyorError(Code.OutOfRange, "Cannot read on", {
    details: [{ field: "offset", description: "must be under 5, found 7" }],
    metadata: { hint: ["a", "b"], "trace-bin": [new Uint8Array([0, 255])] },
  });
  const { code, details, metadata } = statusFromError(error);
  const again = errorFromStatus("/s/M", {
    code: code!,
    details: details!,
    metadata: metadata!,
  });
  assertEquals([again.code, again.details], [error.code, error.details]);
  assertEquals([again.metadata.hint, again.metadata["trace-bin"]], [
    ["a", "b"],
    [
      new Uint8Array([0, 255]),
    ],
  ]);
});

Deno.test("statusFromError() hides what is not a ConveyorError", () => {
  for (const thrown of [new Error("secret"), "secret", undefined]) {
    assertEquals(statusFromError(thrown), {
      code: 13,
      details: "Internal error",
    });
  }
});

Deno.test("errorFromStatus() does without details that cannot be read", () => {
  const metadata = metadataToGrpc({
    "grpc-status-details-bin": new Uint8Array([255, 255]),
  });
  const error = errorFromStatus("/s/M", { code: 3, details: "bad", metadata });
  assertEquals([error.code, error.details], [Code.InvalidArgument, []]);
});

Deno.test("statusFromError() leaves out metadata that would change the status itself", () => {
  const error = new ConveyorError(Code.NotFound, "Cannot find it", {
    metadata: {
      "grpc-status": ["0"],
      "content-type": ["text/html"],
      hint: ["look there"],
    },
  });
  const { code, metadata } = statusFromError(error);
  assertEquals(code as number, Code.NotFound);
  assertEquals(metadata?.getMap(), { hint: "look there" });
});
