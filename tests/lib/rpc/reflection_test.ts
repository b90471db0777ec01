/**
 * Reflection is for tools that other people wrote, so it is asked here by one of them: the client of
 * npm grpc-js-reflection-client, which builds a usable schema from the answers.
 */
import { assert, assertEquals } from "@std/assert";
import { GrpcReflection } from "grpc-js-reflection-client";
import { Channel } from "../../../clients/channel.ts";
import { Code } from "../../../lib/errors.ts";
import { reflectionServices } from "../../../lib/rpc/reflection.ts";
import { grpc } from "../../../lib/runtime/grpc.ts";
import { serveSink } from "../../../lib/connector/connector.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from "../../../proto/messages/reflection.ts";

const address = "127.0.0.1:0";

async function ask(
  url: string,
  requests: MessageInit<ServerReflectionRequest>[],
  version = 0,
): Promise<ServerReflectionResponse[]> {
  const channel = await Channel.connect(url);
  try {
    const { serverReflectionInfo } = reflectionServices[version]!.methods;
    const answers = channel.stream(
      serverReflectionInfo,
      ReadableStream.from(requests),
    );
    return await Array.fromAsync(answers);
  } finally {
    await channel.close();
  }
}

Deno.test("reflection lets a foreign client find and build the services it lists", async () => {
  await using server = await serveSink(() => {}, { address });
  for (const version of ["v1", "v1alpha"] as const) {
    const client = new GrpcReflection(
      server.address,
      grpc.credentials.createInsecure(),
      {},
      version,
    );
    const names = await client.listServices();
    assert(names.includes("conveyor.sink.SinkService"), names.join());
    assert(!names.includes("conveyor.transform.TransformService"));
    for (const name of names) {
      const found = await client.getDescriptorBySymbol(name);
      assertEquals(
        found.getProtobufJsRoot().lookupService(name).fullName,
        `.${name}`,
      );
    }
    const methods = await client.listMethods("conveyor.sink.SinkService");
    assertEquals(methods.map(({ name }) => name).toSorted(), [
      "Flush",
      "GetCapacity",
      "WriteBatch",
      "WriteStream",
    ]);
    // It has no way of its own to end its connection.
    (client as unknown as { client: { close(): void } }).client.close();
  }
});

Deno.test("reflection answers a file with all that it depends on", async () => {
  await using server = await serveSink(() => {}, { address });
  const url = `http://${server.address}`;
  for (const version of [0, 1]) {
    const [byName, bySymbol] = await ask(url, [
      { fileByFilename: "sink.proto" },
      { fileContainingSymbol: "conveyor.sink.SinkService.WriteBatch" },
    ], version);
    const files = byName?.fileDescriptorResponse?.fileDescriptorProto ?? [];
    const names = files.map((file) =>
      new TextDecoder().decode(file.subarray(2, 2 + file[1]!))
    );
    assertEquals(names[0], "sink.proto");
    assert(names.includes("common.proto"), names.join());
    assert(names.includes("google/protobuf/timestamp.proto"), names.join());
    assertEquals(
      bySymbol?.fileDescriptorResponse,
      byName?.fileDescriptorResponse,
    );
  }
});

Deno.test("reflection answers NOT_FOUND and goes on when it does not know a name", async () => {
  await using server = await serveSink(() => {}, { address });
  const answers = await ask(`http://${server.address}`, [
    { fileByFilename: "nowhere.proto" },
    { fileContainingSymbol: "conveyor.Nothing" },
    { fileContainingExtension: { containingType: "x", extensionNumber: 1 } },
    { fileContainingSymbol: "conveyor.common.Record" },
  ]);
  assertEquals(answers.map((answer) => answer.errorResponse?.errorCode), [
    Code.NotFound,
    Code.NotFound,
    Code.NotFound,
    undefined,
  ]);
  assertEquals(
    answers[1]?.originalRequest?.fileContainingSymbol,
    "conveyor.Nothing",
  );
});
