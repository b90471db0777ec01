import http2 from "node:http2";
import type { ClientHttp2Session, ServerHttp2Stream } from "node:http2";
import net from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { assert, assertEquals } from "@std/assert";
import "../../../lib/runtime/grpc.ts";

/** What the streams of Node call to write, one piece or several. */
interface Written {
  _write(...args: unknown[]): void;
  _writev(...args: unknown[]): void;
}

/** Counts how often a socket is given something to send. */
function countWrites(socket: Socket): () => number {
  const written = socket as unknown as Written;
  let writes = 0;
  for (const name of ["_write", "_writev"] as const) {
    const write = written[name];
    written[name] = (...args) => {
      writes++;
      write.apply(written, args);
    };
  }
  return () => writes;
}

interface Ends {
  readonly client: ClientHttp2Session;
  readonly onStream: (handle: (stream: ServerHttp2Stream) => void) => void;
  readonly serverWrites: () => number;
  readonly clientWrites: () => number;
}

async function withEnds(use: (ends: Ends) => Promise<void>): Promise<void> {
  const server = http2.createServer();
  let serverWrites = (): number => 0;
  server.on("connection", (socket) => serverWrites = countWrites(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const socket = net.connect(port, "127.0.0.1");
  const clientWrites = countWrites(socket);
  const client = http2.connect("http://127.0.0.1", {
    createConnection: () => socket,
  });
  try {
    await new Promise<void>((resolve) => client.once("connect", resolve));
    await use({
      client,
      onStream: (handle) => server.on("stream", handle),
      serverWrites: () => serverWrites(),
      clientWrites,
    });
  } finally {
    const closed = new Promise<void>((resolve) =>
      socket.once("close", resolve)
    );
    client.destroy();
    if (!socket.closed) await closed;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** The bodies that came for `count` requests made in one turn. */
function call(
  client: ClientHttp2Session,
  count: number,
): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, async (_, at) => {
    const stream = client.request({ ":method": "POST", ":path": `/${at}` });
    stream.end(`request ${at}`);
    stream.setEncoding("utf8");
    let body = "";
    for await (const piece of stream) body += piece;
    return body;
  }));
}

Deno.test("installHttp2WriteGathering() sends what one turn wrote as one piece", async () => {
  await withEnds(async ({ client, onStream, serverWrites, clientWrites }) => {
    const waiting: ServerHttp2Stream[] = [];
    const { promise: all, resolve } = Promise.withResolvers<void>();
    onStream((stream) => {
      waiting.push(stream);
      if (waiting.length === 20) resolve();
    });
    const answers = call(client, 20);
    await all;
    assert(clientWrites() < 10, `the client wrote ${clientWrites()} times`);
    const before = serverWrites();
    for (const stream of waiting) {
      stream.respond({ ":status": 200 });
      stream.end("an answer");
    }
    assertEquals(await answers, Array(20).fill("an answer"));
    const writes = serverWrites() - before;
    assert(writes < 10, `the server wrote ${writes} times`);
  });
});

Deno.test("installHttp2WriteGathering() loses nothing of a connection that ends in the same turn", async () => {
  await withEnds(async ({ client, onStream }) => {
    onStream((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("the last words");
      stream.session!.close();
    });
    assertEquals(await call(client, 1), ["the last words"]);
  });
});

Deno.test("installHttp2WriteGathering() leaves the peer's pace in charge of large bodies", async () => {
  const size = 4 * 1024 * 1024;
  await withEnds(async ({ client, onStream }) => {
    onStream((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("x".repeat(size));
    });
    const [body] = await call(client, 1);
    assertEquals(body!.length, size);
  });
});
