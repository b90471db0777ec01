import http2 from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import net from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { assert } from "@std/assert";
import { streamWindowBytes } from "../../../lib/limits.ts";
import "../../../lib/runtime/grpc.ts";

const streams = 3;
const pieceBytes = streamWindowBytes - 100_000;

/** Waits until the socket has received so much, or for as long as a stalled peer would need to show. */
async function received(socket: Socket, bytes: number): Promise<boolean> {
  const untilMs = performance.now() + 5_000;
  while (socket.bytesRead < bytes && performance.now() < untilMs) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return socket.bytesRead >= bytes;
}

Deno.test("installHttp2Windows() lets either side send a megabyte on each stream before anything is read", async () => {
  const server = http2.createServer();
  const accepted = Promise.withResolvers<Socket>();
  server.once("connection", accepted.resolve);
  // Nobody reads what comes, and everybody is sent a piece.
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.write(new Uint8Array(pieceBytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const socket = net.connect(port, "127.0.0.1");
  const client = http2.connect("http://127.0.0.1", {
    createConnection: () => socket,
  });
  try {
    await new Promise<void>((resolve) =>
      client.once("remoteSettings", () => resolve())
    );
    for (let n = 0; n < streams; n++) {
      const stream = client.request({ ":method": "POST" });
      stream.on("error", () => {});
      stream.pause();
      stream.write(new Uint8Array(pieceBytes));
    }
    const all = streams * pieceBytes;
    assert(await received(await accepted.promise, all), "the server stalls");
    assert(await received(socket, all), "the client stalls");
  } finally {
    const closed = new Promise<void>((resolve) =>
      socket.once("close", () => resolve())
    );
    client.destroy();
    if (!socket.closed) await closed;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});
