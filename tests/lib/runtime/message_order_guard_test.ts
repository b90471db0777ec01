/**
 * Goal: no message that a server wrote before an error status is lost by a Deno
 * client, whatever the pace of its reader. Method: a real server and client over
 * loopback, bytes as messages; without the guard most of these cases lose some.
 */
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { grpc } from "../../../lib/runtime/grpc.ts";

const path = "/test.Order/Stream";
const identity = (bytes: Buffer): Buffer => bytes;
const method = {
  path,
  requestStream: true,
  responseStream: true,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
} as const;

type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

async function withServer(
  handle: (call: Call) => void,
  use: (client: grpc.Client) => Promise<void>,
): Promise<void> {
  const server = new grpc.Server();
  server.addService({ stream: method }, { stream: handle });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      grpc.ServerCredentials.createInsecure(),
      (error, port) => error ? reject(error) : resolve(port),
    )
  );
  const client = new grpc.Client(
    `127.0.0.1:${port}`,
    grpc.credentials.createInsecure(),
    { "grpc.initial_reconnect_backoff_ms": 50 },
  );
  try {
    await use(client);
  } finally {
    client.close();
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  }
}

/** Writes `count` messages whose first four bytes are their number, then fails. */
function writeThenFail(count: number, size = 4): (call: Call) => void {
  return (call) => {
    for (let i = 0; i < count; i++) {
      const message = Buffer.alloc(size);
      message.writeUInt32BE(i);
      call.write(message);
    }
    call.emit("error", { code: grpc.status.ABORTED, details: "gave up" });
  };
}

function open(client: grpc.Client): grpc.ClientReadableStream<Buffer> {
  return client.makeServerStreamRequest(path, identity, identity, Buffer.of());
}

/** The numbers of the messages, and the code that ended the stream. */
async function read(
  stream: grpc.ClientReadableStream<Buffer>,
  pause: (taken: number) => Promise<void> = () => Promise.resolve(),
): Promise<{ numbers: number[]; code: number }> {
  const numbers: number[] = [];
  try {
    for await (const message of stream) {
      numbers.push((message as Buffer).readUInt32BE());
      await pause(numbers.length);
    }
    return { numbers, code: grpc.status.OK };
  } catch (error) {
    assertInstanceOf(error, Error);
    return { numbers, code: (error as grpc.ServiceError).code };
  }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Resolves when everything that the peer sent has had time to arrive. */
function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const next = (left: number): unknown =>
      left === 0 ? resolve() : setImmediate(next, left - 1);
    next(count);
  });
}

Deno.test("installMessageOrderGuard() keeps five messages that come just before an error", async () => {
  await withServer(writeThenFail(5), async (client) => {
    for (let round = 0; round < 20; round++) {
      assertEquals(await read(open(client)), {
        numbers: upTo(5),
        code: grpc.status.ABORTED,
      });
    }
  });
});

Deno.test("installMessageOrderGuard() keeps every message when the reader is slow", async () => {
  await withServer(writeThenFail(200), async (client) => {
    const slowly = (): Promise<void> => turns(3);
    assertEquals(await read(open(client), slowly), {
      numbers: upTo(200),
      code: grpc.status.ABORTED,
    });
  });
});

Deno.test("installMessageOrderGuard() keeps messages that span many chunks when the reader is slow", async () => {
  await withServer(writeThenFail(40, 100_000), async (client) => {
    const slowly = (): Promise<void> => turns(3);
    assertEquals(await read(open(client), slowly), {
      numbers: upTo(40),
      code: grpc.status.ABORTED,
    });
  });
});

Deno.test("installMessageOrderGuard() keeps every message when the reader starts late", async () => {
  await withServer(writeThenFail(50), async (client) => {
    const stream = open(client);
    await turns(200);
    assertEquals(await read(stream), {
      numbers: upTo(50),
      code: grpc.status.ABORTED,
    });
  });
});

Deno.test("installMessageOrderGuard() passes an error on when no message comes before it", async () => {
  await withServer(writeThenFail(0), async (client) => {
    assertEquals(await read(open(client)), {
      numbers: [],
      code: grpc.status.ABORTED,
    });
  });
});

Deno.test("installMessageOrderGuard() ends a stream with OK after its last message", async () => {
  const handle = (call: Call): void => {
    call.write(Buffer.alloc(4));
    call.end();
  };
  await withServer(handle, async (client) => {
    assertEquals(await read(open(client)), {
      numbers: [0],
      code: grpc.status.OK,
    });
  });
});

Deno.test("installMessageOrderGuard() lets a call be cancelled between its messages", async () => {
  const handle = (call: Call): void => {
    for (let i = 0; i < 100; i++) call.write(Buffer.alloc(4));
  };
  await withServer(handle, async (client) => {
    const stream = open(client);
    const cancelAtThird = (taken: number): Promise<void> => {
      if (taken === 3) stream.cancel();
      return turns(3);
    };
    assertEquals(
      (await read(stream, cancelAtThird)).code,
      grpc.status.CANCELLED,
    );
  });
});

Deno.test("installMessageOrderGuard() ends a held call when its deadline passes before it is read", async () => {
  await withServer(writeThenFail(50), async (client) => {
    const stream = client.makeServerStreamRequest(
      path,
      identity,
      identity,
      Buffer.of(),
      { deadline: Date.now() + 100 },
    );
    const code = await new Promise((resolve) =>
      stream.on("error", (error: grpc.ServiceError) => resolve(error.code))
    );
    assertEquals(code, grpc.status.DEADLINE_EXCEEDED);
  });
});

Deno.test("installMessageOrderGuard() tells a call that only writes of an error without messages", async () => {
  await withServer(writeThenFail(0), async (client) => {
    const stream = client.makeBidiStreamRequest(path, identity, identity);
    stream.write(Buffer.of(1));
    const code = await new Promise((resolve) =>
      stream.on("error", (error: grpc.ServiceError) => resolve(error.code))
    );
    assertEquals(code, grpc.status.ABORTED);
  });
});

Deno.test("installMessageOrderGuard() ends an unary call that got a message and an error", async () => {
  await withServer(writeThenFail(1), async (client) => {
    const code = await new Promise((resolve) =>
      client.makeUnaryRequest(
        path,
        identity,
        identity,
        Buffer.of(),
        (error) => resolve(error?.code),
      )
    );
    assertEquals(code, grpc.status.ABORTED);
  });
});

/** A peer that packs messages into DATA frames as it likes, unlike grpc-js. */
async function withRawServer(
  frames: readonly Buffer[],
  use: (client: grpc.Client) => Promise<void>,
): Promise<void> {
  const server = http2.createServer();
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": 10 }));
    for (const frame of frames) stream.write(frame);
    stream.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = new grpc.Client(
    `127.0.0.1:${port}`,
    grpc.credentials.createInsecure(),
    { "grpc.initial_reconnect_backoff_ms": 50 },
  );
  try {
    await use(client);
  } finally {
    client.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** Messages of many sizes, in the framing of gRPC. */
function framed(count: number): Buffer {
  return Buffer.concat(
    upTo(count).map((i) => {
      const size = 4 + i * 7 % 300;
      const message = Buffer.alloc(5 + size);
      message.writeUInt32BE(size, 1);
      message.writeUInt32BE(i, 5);
      return message;
    }),
  );
}

for (const frameBytes of [1_000_000, 3, 301]) {
  Deno.test(`installMessageOrderGuard() keeps every message when a server sends frames of ${frameBytes} bytes`, async () => {
    const bytes = framed(100);
    const frames: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += frameBytes) {
      frames.push(bytes.subarray(at, at + frameBytes));
    }
    await withRawServer(frames, async (client) => {
      assertEquals(await read(open(client), () => turns(1)), {
        numbers: upTo(100),
        code: grpc.status.ABORTED,
      });
    });
  });
}
