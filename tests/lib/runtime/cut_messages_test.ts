/**
 * Goal: messages arrive whatever the pieces in which a peer sends them. Method: a peer over plain HTTP/2
 * cuts them where it hurts most: just before and behind the prefix of a message, whose last bytes are then
 * alone at the end of a chunk, or the first ones of the next.
 */
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import type {
  ClientHttp2Stream,
  Http2Stream,
  ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { assertEquals } from "@std/assert";
import { Channel } from "../../../clients/channel.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { rawMethod } from "../../../proto/service.ts";
import { transformService } from "../../fixtures/transform_server.ts";

const name = "processStream";
const method = rawMethod(transformService.methods[name]);
const sizes = [9_000, 0, 20_000, 4_091, 1, 4_096];

const messages: readonly Buffer[] = sizes.map((size, n) =>
  Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at + n) % 251))
);

/** All messages as gRPC frames them, in pieces that end so many bytes behind the end of each message. */
function piecesOf(behind: number): Buffer[] {
  const frames = messages.map((message) => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    return Buffer.concat([prefix, message]);
  });
  const all = Buffer.concat(frames);
  const pieces: Buffer[] = [];
  let from = 0;
  let end = 0;
  for (const { length } of frames) {
    end += length;
    const to = Math.min(Math.max(from, end + behind), all.length);
    pieces.push(Buffer.from(Uint8Array.from(all.subarray(from, to))));
    from = to;
  }
  pieces.push(Buffer.from(Uint8Array.from(all.subarray(from))));
  return pieces;
}

async function write(
  stream: Http2Stream,
  pieces: readonly Buffer[],
): Promise<void> {
  for (const piece of pieces) {
    if (piece.length === 0) continue;
    await new Promise<void>((resolve) => stream.write(piece, () => resolve()));
  }
  stream.end();
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {
  yield* [];
  await Promise.resolve();
}

for (const behind of [-3, -1, 0, 1, 3, 4, 5, 6]) {
  Deno.test(`a client reads messages from chunks that end ${behind} bytes behind them`, async () => {
    const server = http2.createServer();
    server.on("stream", (stream: ServerHttp2Stream) => {
      stream.respond(
        { ":status": 200, "content-type": "application/grpc" },
        { waitForTrailers: true },
      );
      stream.on(
        "wantTrailers",
        () => stream.sendTrailers({ "grpc-status": "0" }),
      );
      void write(stream, piecesOf(behind));
    });
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const { port } = server.address() as AddressInfo;
    const channel = await Channel.connect(`http://127.0.0.1:${port}`);
    let n = 0;
    for await (const message of channel.stream(method, nothing())) {
      assertEquals(Buffer.compare(message, messages[n++]!), 0);
      // Whoever is slow has the rest of a chunk put back.
      if (n % 2) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertEquals(n, messages.length);
    await channel.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  Deno.test(`a server reads messages from chunks that end ${behind} bytes behind them`, async () => {
    const server = new RpcServer({}, (path, error) => {
      throw new Error(path, { cause: error });
    });
    let n = 0;
    server.add<{
      processStream: {
        readonly request: Uint8Array;
        readonly response: Uint8Array;
        readonly kind: "bidi";
      };
    }>(
      { name: transformService.name, methods: { [name]: method } },
      {
        async *processStream(requests: AsyncIterable<Uint8Array>) {
          for await (const message of requests) {
            assertEquals(Buffer.compare(message, messages[n++]!), 0);
            if (n % 2) await new Promise((resolve) => setTimeout(resolve, 5));
          }
          yield* nothing();
        },
      },
    );
    const address = await server.listen("127.0.0.1:0");
    const session = http2.connect(`http://${address}`);
    const call: ClientHttp2Stream = session.request({
      ":method": "POST",
      ":path": method.path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    void write(call, piecesOf(behind));
    for await (const _ of call);
    assertEquals(n, messages.length);
    await new Promise<void>((resolve) => {
      session.once("close", () => resolve());
      session.close();
    });
    await server.close(1_000);
  });
}
