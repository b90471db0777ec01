/**
 * Goal: buffers are freed once they have been used, never before. Method: those that each step is given
 * are kept and looked at; and messages of all sizes go both ways at once, with and without TLS, and arrive
 * as they were sent.
 */
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import type { ClientHttp2Stream, ServerHttp2Stream } from "node:http2";
import net from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { assert, assertEquals } from "@std/assert";
import { StreamDecoder } from "@grpc/grpc-js/build/src/stream-decoder.js";
import { Channel } from "../../../clients/channel.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import type { RpcServerOptions } from "../../../lib/rpc/server_options.ts";
import { grpc } from "../../../lib/runtime/grpc.ts";
import { hookHttp2 } from "../../../lib/runtime/http2_hooks.ts";
import { clientSessionsEnded } from "../../../lib/runtime/http2_session_guard.ts";
import { rawMethod } from "../../../proto/service.ts";
import { transformService } from "../../fixtures/transform_server.ts";

const large = 100_000;
const folder = new URL("../../fixtures/tls/", import.meta.url);
const read = (name: string): Promise<string> =>
  Deno.readTextFile(new URL(name, folder));

function filled(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => at % 251));
}

/** A message as gRPC frames it. */
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

/** Copies of parts, each with a buffer of its own. */
function chunksOf(bytes: Uint8Array, ...ends: number[]): Buffer[] {
  return ends.map((end, n) => Buffer.from(bytes.slice(ends[n - 1] ?? 0, end)));
}

const lengths = (buffers: readonly Uint8Array[]): number[] =>
  buffers.map(({ length }) => length);

Deno.test("installHttp2ReleasedBuffers() frees the chunks of a message once it is complete", () => {
  const frame = framed(filled(large));
  const chunks = chunksOf(frame, 30_000, 60_000, frame.length);
  const decoder = new StreamDecoder(-1);
  assertEquals(decoder.write(chunks[0]!), []);
  assertEquals(decoder.write(chunks[1]!), []);
  assertEquals(lengths(chunks), [30_000, 30_000, frame.length - 60_000]);
  assertEquals(decoder.write(chunks[2]!), [frame]);
  assertEquals(lengths(chunks), [0, 0, 0]);
});

Deno.test("installHttp2ReleasedBuffers() keeps a chunk in which the next message begins", () => {
  const first = framed(filled(large));
  const second = framed(filled(large).reverse());
  const both = Buffer.concat([first, second]);
  for (const intoSecond of [1, 3, 5, 6, 40_000]) {
    const middle = first.length + intoSecond;
    const chunks = chunksOf(both, 50_000, middle, both.length);
    const decoder = new StreamDecoder(-1);
    assertEquals(decoder.write(chunks[0]!), []);
    assertEquals(decoder.write(chunks[1]!), [first]);
    assertEquals(lengths(chunks).slice(0, 2), [0, middle - 50_000]);
    assertEquals(decoder.write(chunks[2]!), [second]);
    assertEquals(lengths(chunks), [0, 0, 0]);
  }
});

Deno.test("installHttp2ReleasedBuffers() keeps what is part of a larger buffer", () => {
  const frame = framed(filled(large));
  const shared = Buffer.concat([frame, Buffer.from("of somebody else")]);
  const decoder = new StreamDecoder(-1);
  assertEquals(decoder.write(shared.subarray(0, frame.length)), [frame]);
  assertEquals(shared.subarray(frame.length).toString(), "of somebody else");
});

/** A call over plain HTTP/2, with the sockets of both ends. */
async function withCall(
  type: string,
  use: (
    call: ClientHttp2Stream,
    sockets: readonly Socket[],
  ) => Promise<void>,
): Promise<void> {
  const server = http2.createServer();
  const accepted = Promise.withResolvers<Socket>();
  server.once("connection", accepted.resolve);
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const socket = net.connect(port, "127.0.0.1");
  const session = http2.connect("http://127.0.0.1", {
    createConnection: () => socket,
  });
  try {
    const sockets = [socket, await accepted.promise];
    await use(
      session.request({ ":method": "POST", "content-type": type }),
      sockets,
    );
  } finally {
    const closed = new Promise<void>((resolve) =>
      socket.once("close", resolve)
    );
    session.close();
    if (!socket.closed) await closed;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** Sends `bytes`; gives what comes back. */
async function echo(
  call: ClientHttp2Stream,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const written = new Promise<void>((resolve) =>
    call.write(bytes, () => resolve())
  );
  call.end();
  const pieces: Uint8Array[] = [];
  for await (const piece of call) pieces.push(Uint8Array.from(piece));
  await written;
  return Buffer.concat(pieces);
}

Deno.test("installHttp2ReleasedBuffers() leaves what is not of grpc-js as it is", async () => {
  for (const type of ["application/grpc", "text/plain"]) {
    await withCall(type, async (call) => {
      const frame = framed(filled(large));
      call.write(frame);
      call.write(frame);
      const thrice = Buffer.concat([frame, frame, frame]);
      assertEquals(Buffer.compare(await echo(call, frame), thrice), 0);
      assertEquals(frame, framed(filled(large)));
    });
  }
});

/** Keeps what `stream` is given to read and to write, without it being seen. */
function watch(stream: Duplex, kept: Uint8Array[]): void {
  const { emit, write } = stream;
  const keep = (bytes: unknown): void => {
    if (bytes instanceof Uint8Array) kept.push(bytes);
  };
  Object.assign(stream, {
    emit: (event: string, ...args: unknown[]) => {
      if (event === "data") keep(args[0]);
      return emit.call(stream, event, ...args);
    },
    write: (...args: unknown[]) => {
      keep(args[0]);
      return (write as (...args: unknown[]) => boolean).apply(stream, args);
    },
  });
}

Deno.test("installHttp2ReleasedBuffers() frees what a socket has read, and what was written to it", async () => {
  await withCall("application/grpc", async (call, sockets) => {
    const through: Uint8Array[] = [];
    for (const socket of sockets) watch(socket, through);
    await echo(call, framed(filled(large)));
    assert(through.length > 4);
    assert(Math.max(...lengths(through)) < 4 * 1024, "some are left");
  });
});

Deno.test("installHttp2ReleasedBuffers() leaves what a socket has read to others who listen", async () => {
  await withCall("application/grpc", async (call, [socket]) => {
    const kept: Uint8Array[] = [];
    let bytes = 0;
    socket!.on("data", (chunk: Uint8Array) => {
      kept.push(chunk);
      bytes += chunk.length;
    });
    await echo(call, filled(large));
    assert(bytes > large);
    assertEquals(lengths(kept).reduce((sum, length) => sum + length), bytes);
  });
});

Deno.test("installHttp2ReleasedBuffers() leaves what a client writes to a connection of its own making", async () => {
  const server = http2.createServer();
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  const [near, far] = duplexPair();
  const written: Uint8Array[] = [];
  near.on("data", (bytes) => written.push(bytes));
  server.emit("connection", far);
  const session = http2.connect("http://127.0.0.1", {
    createConnection: () => near,
  });
  const call = session.request({ ":method": "POST" });
  assertEquals(
    Buffer.compare(await echo(call, filled(large)), filled(large)),
    0,
  );
  assert(Math.max(...lengths(written)) > 4 * 1024);
  session.destroy();
});

/** What was written to the stream of any call of gRPC, while it is kept. */
let written: Uint8Array[] = [];
hookHttp2("watched in a test", { call: (stream) => watch(stream, written) });

/** Bytes in, the same bytes out. */
interface RawEcho {
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly kind: "bidi" | "unary";
}

const methods = {
  processBatch: rawMethod(transformService.methods.processBatch),
  processStream: rawMethod(transformService.methods.processStream),
};

/** A server that gives everything back. */
function echoServer(options: RpcServerOptions = {}): RpcServer {
  const server = new RpcServer(options, (path, error) => {
    throw new Error(path, { cause: error });
  });
  server.add<{ processBatch: RawEcho; processStream: RawEcho }>(
    { name: transformService.name, methods },
    {
      processBatch: (request: Uint8Array) => Promise.resolve(request),
      processStream: (requests: AsyncIterable<Uint8Array>) => requests,
    },
  );
  return server;
}

Deno.test("installHttp2ReleasedBuffers() frees what clients and servers of gRPC frame once it is written, and the chunks that they read", async () => {
  const server = echoServer();
  const channel = await Channel.connect(
    `http://${await server.listen("127.0.0.1:0")}`,
  );
  for (const size of [5_000, large]) {
    written = [];
    const { message } = await channel.unary(
      methods.processBatch,
      Uint8Array.from(filled(size)),
    );
    assertEquals(Buffer.compare(message, filled(size)), 0);
    assert(written.length >= 4, "two frames, and the chunks of each");
    assert(Math.max(...lengths(written)) < 4 * 1024, "some are left");
  }
  await channel.close();
  await server.close(1_000);
});

Deno.test("installHttp2ReleasedBuffers() leaves a message to a client of grpc-js that may send it again", async () => {
  const bytes = filled(large);
  const server = http2.createServer();
  let attempts = 0;
  server.on("stream", async (stream: ServerHttp2Stream) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of stream) pieces.push(Uint8Array.from(piece));
    assertEquals(Buffer.compare(Buffer.concat(pieces), framed(bytes)), 0);
    const unavailable = ++attempts < 3;
    stream.respond({
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": unavailable ? "14" : "0",
    }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = new grpc.Client(
    `127.0.0.1:${port}`,
    grpc.credentials.createInsecure(),
    {
      "grpc.service_config": JSON.stringify({
        loadBalancingConfig: [],
        methodConfig: [{
          name: [{}],
          retryPolicy: {
            maxAttempts: 3,
            initialBackoff: "0.01s",
            maxBackoff: "0.01s",
            backoffMultiplier: 1,
            retryableStatusCodes: ["UNAVAILABLE"],
          },
        }],
      }),
    },
  );
  const same = (bytes: Buffer): Buffer => bytes;
  await new Promise<void>((resolve) => {
    client.makeUnaryRequest("/a/b", same, same, bytes, () => resolve());
  });
  assertEquals(attempts, 3);
  client.close();
  await clientSessionsEnded(1_000);
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

for (const secure of [false, true]) {
  Deno.test(`messages of all sizes arrive as they were sent, many at a time, ${secure ? "with" : "without"} TLS`, async () => {
    const tls = secure
      ? { cert: await read("server.pem"), key: await read("server.key") }
      : undefined;
    const server = echoServer(tls ? { tls } : {});
    const address = await server.listen("127.0.0.1:0");
    const channel = secure
      ? await Channel.connect(`https://${address}`, {
        tls: { ca: await read("ca.pem"), serverName: "conveyor.test" },
      })
      : await Channel.connect(`http://${address}`);
    const sizes = [0, 1, 4_090, 4_096, 16_379, 16_384, 70_000, 300_000, 2e6];
    const unary = sizes.map(async (size) => {
      const sent = Uint8Array.from(filled(size));
      const { message } = await channel.unary(methods.processBatch, sent);
      assertEquals(Buffer.compare(message, sent), 0, `${size} bytes`);
    });
    const streams = sizes.map(async (size) => {
      const answers = channel.stream(
        methods.processStream,
        (async function* () {
          for (let n = 0; n < 5; n++) {
            yield await Promise.resolve(Uint8Array.from(filled(size + n)));
          }
        })(),
      );
      let n = 0;
      for await (const answer of answers) {
        const sent = filled(size + n++);
        assertEquals(Buffer.compare(answer, sent), 0, `${size} bytes`);
      }
      assertEquals(n, 5);
    });
    await Promise.all([...unary, ...streams]);
    await channel.close();
    await server.close(1_000);
  });
}
