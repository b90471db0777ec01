import http2 from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { assert, assertEquals } from "@std/assert";
import { streamPieceBytes } from "../../../lib/limits.ts";
import "../../../lib/runtime/grpc.ts";

interface Written {
  _write(chunk: Uint8Array, ...rest: unknown[]): void;
  _writev(chunks: readonly { chunk: Uint8Array }[], ...rest: unknown[]): void;
}

/** The bytes of each write that `stream` hands to the runtime. */
function sizesOf(stream: Duplex): number[] {
  const sizes: number[] = [];
  // What a stream has of its own is left alone: a piecewise one takes `_writev` away for a while.
  const target = Object.getPrototypeOf(stream) as Written;
  const { _write, _writev } = target;
  target._write = function (chunk, ...rest) {
    if (this as unknown === stream) sizes.push(chunk.length);
    _write.call(this, chunk, ...rest);
  };
  target._writev = function (chunks, ...rest) {
    if (this as unknown === stream) {
      sizes.push(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0));
    }
    _writev.call(this, chunks, ...rest);
  };
  return sizes;
}

async function bodyOf(stream: Duplex): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
}

/** Sends `messages` to a server that sends them back; gives what came, and what either end wrote at once. */
async function echoed(messages: readonly Uint8Array[]): Promise<{
  readonly body: Uint8Array;
  readonly client: readonly number[];
  readonly server: readonly number[];
  readonly told: number;
}> {
  const server = http2.createServer();
  let served: number[] = [];
  server.on("stream", async (stream: ServerHttp2Stream) => {
    served = sizesOf(stream);
    const body = await bodyOf(stream);
    stream.respond({ ":status": 200 });
    stream.write(body);
    stream.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({
      ":method": "POST",
      "content-type": "application/grpc",
      "user-agent": "grpc-node-js/1.14.7",
    });
    const client = sizesOf(stream);
    let told = 0;
    for (const message of messages) stream.write(message, () => told++);
    stream.end();
    return { body: await bodyOf(stream), client, server: served, told };
  } finally {
    const closed = new Promise<void>((resolve) =>
      session.once("close", resolve)
    );
    session.close();
    await closed;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at % 251);
}

Deno.test("installHttp2WritePieces() hands no more than a piece of a large message to the runtime at once", async () => {
  const message = bytes(10 * streamPieceBytes + 1);
  const { body, client, server, told } = await echoed([message]);
  assertEquals(body, message);
  assertEquals(client, [...Array(10).fill(streamPieceBytes), 1]);
  assertEquals(server, [...Array(10).fill(streamPieceBytes), 1]);
  assertEquals(told, 1, "the writer is told once, when all has gone");
});

Deno.test("installHttp2WritePieces() keeps messages in their order, and small ones together", async () => {
  const small = Array.from({ length: 50 }, () => bytes(100));
  const large = bytes(3 * streamPieceBytes);
  const alone = await echoed(small);
  assertEquals(alone.body, bytes(5_000).map((_, at) => at % 100));
  assert(alone.client.length < 50, `${alone.client.length} writes`);
  const { body, told } = await echoed([...small, large, ...small, large]);
  assertEquals(body.length, 10_000 + 2 * large.length);
  assertEquals(body.subarray(5_000, 5_000 + large.length), large);
  assertEquals(body.subarray(-large.length), large);
  assertEquals(told, 102);
});
