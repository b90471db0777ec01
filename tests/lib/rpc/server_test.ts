import { assert, assertEquals } from "@std/assert";
import { Channel } from "../../../clients/channel.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import type { Handlers } from "../../../lib/rpc/handler.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import type { TransformServiceMethods } from "../../../proto/messages/transform.ts";
import { rawMethod } from "../../../proto/service.ts";
import { rejection } from "../../fixtures/rejection.ts";
import {
  identityHandlers,
  transformService,
} from "../../fixtures/transform_server.ts";

const { processBatch, processStream, getCapabilities } =
  transformService.methods;
const garbage = new Uint8Array([0xff, 0xff, 0xff]);

interface Served extends AsyncDisposable {
  readonly channel: Channel;
  readonly faults: unknown[];
  readonly server: RpcServer;
}

async function serve(
  handlers: Handlers<TransformServiceMethods>,
): Promise<Served> {
  const faults: unknown[] = [];
  const server = new RpcServer({}, (path, error) => faults.push(path, error));
  const address = await server.add(transformService, handlers).listen(
    "127.0.0.1:0",
  );
  const channel = await Channel.connect(`http://${address}`);
  return {
    channel,
    faults,
    server,
    [Symbol.asyncDispose]: async () => {
      await channel.close();
      await server.close(1_000);
    },
  };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

Deno.test("add() answers InvalidArgument, with the offset, when bytes are malformed", async () => {
  await using served = await serve(identityHandlers());
  for (
    const call of [
      () => served.channel.unary(rawMethod(processBatch), garbage),
      () =>
        Array.fromAsync(
          served.channel.stream(rawMethod(processStream), one(garbage)),
        ),
    ]
  ) {
    const error = await rejection(call(), Code.InvalidArgument);
    assert(error.message.includes("at byte"), error.message);
    assertEquals(error.details[0]?.field, "request");
  }
  assertEquals(served.faults, []);
});

Deno.test("add() hides what is not a ConveyorError from the caller, and reports it", async () => {
  const secret = new Error("the password is 1234");
  await using served = await serve({
    getCapabilities: () => {
      throw secret;
    },
  });
  const error = await rejection(
    served.channel.unary(getCapabilities, {}),
    Code.Internal,
  );
  assert(error.message.endsWith("Internal error"), error.message);
  assertEquals(served.faults, [getCapabilities.path, secret]);
});

Deno.test("add() answers Unimplemented for a method without a handler", async () => {
  await using served = await serve({});
  await rejection(
    served.channel.unary(getCapabilities, {}),
    Code.Unimplemented,
  );
});

Deno.test("close() lets calls under way finish", async () => {
  const called = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  await using served = await serve({
    getCapabilities: async () => {
      called.resolve();
      await answer.promise;
      return { transformId: "late" };
    },
  });
  const call = served.channel.unary(getCapabilities, {});
  await called.promise;
  const closing = served.server.close(5_000);
  answer.resolve();
  assertEquals((await call).message.transformId, "late");
  await closing;
});

Deno.test("close() ends calls that outlast the drain so that their callers go to another server", async () => {
  const called = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<unknown>();
  await using served = await serve({
    getCapabilities: (_, { signal }) => {
      called.resolve();
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => {
          stopped.resolve(signal.reason);
          reject(signal.reason);
        })
      );
    },
  });
  const call = served.channel.unary(getCapabilities, {}).then(
    () => undefined,
    (error) => error,
  );
  await called.promise;
  await served.server.close(50);
  for (const error of [await stopped.promise, await call]) {
    assert(error instanceof ConveyorError);
    assertEquals(error.code, Code.Unavailable);
  }
});

Deno.test("listen() rejects naming the address when it is malformed or taken", async () => {
  await using first = new RpcServer({}, () => {});
  const address = await first.listen("127.0.0.1:0");
  await using second = new RpcServer({}, () => {});
  assert(
    (await rejection(second.listen(address), Code.Unavailable)).message
      .includes(address),
  );
  for (
    const malformed of [
      "",
      "127.0.0.1",
      ":50051",
      "http://127.0.0.1:1",
      "unix:",
      "127.0.0.1:99999",
    ]
  ) {
    const error = await rejection(
      second.listen(malformed),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, "address");
  }
});

Deno.test("listen() takes over the socket of a dead process, not of a live one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/server.sock`;
    const dead = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `Deno.listen({ transport: "unix", path: "${path}" }); Deno.exit(0);`,
      ],
    });
    await dead.output();
    await using server = new RpcServer({}, () => {});
    assertEquals(await server.listen(`unix:${path}`), `unix:${path}`);
    await using other = new RpcServer({}, () => {});
    await rejection(other.listen(`unix:${path}`), Code.Unavailable);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("add() ends a handler that begins to read after its caller left", async () => {
  const gone = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<unknown>();
  await using served = await serve({
    async *processStream(requests, { signal }) {
      signal.addEventListener("abort", () => gone.resolve());
      yield {};
      await gone.promise;
      await Array.fromAsync(requests).then(outcome.resolve, outcome.resolve);
    },
  });
  for await (
    const _ of served.channel.stream(processStream, ReadableStream.from([{}]))
  ) break;
  assert(await outcome.promise instanceof ConveyorError);
});

Deno.test("add() answers an error whose metadata cannot be sent", async () => {
  await using served = await serve({
    getCapabilities: () => {
      throw new ConveyorError(Code.Aborted, "no", {
        metadata: { "bad key": ["x"] },
      });
    },
  });
  await rejection(served.channel.unary(getCapabilities, {}), Code.Aborted);
});
