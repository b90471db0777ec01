/**
 * Goal: hooks see the calls of grpc-js in one order at either end, and no call of another client. Method:
 * hooks and a client of node:http2 beside those of this package.
 */
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { assertEquals } from "@std/assert";
import { grpc } from "../../../lib/runtime/grpc.ts";
import { hookHttp2 } from "../../../lib/runtime/http2_hooks.ts";
import { clientSessionsEnded } from "../../../lib/runtime/http2_session_guard.ts";

const seen: string[] = [];
for (const name of ["first", "second"]) {
  hookHttp2(name, {
    connection: () => seen.push(`${name} connection`),
    session: (_, side) => seen.push(`${name} ${side} session`),
    call: (_stream, _headers, side) => seen.push(`${name} ${side} call`),
  });
}
hookHttp2("first", { call: () => seen.push("never") });

const same = (bytes: Buffer): Buffer => bytes;

Deno.test("hookHttp2() has hooks see what grpc-js makes in the order in which they came, each name once", async () => {
  seen.length = 0;
  const server = new grpc.Server();
  server.addService({
    call: {
      path: "/a/b",
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  }, {
    call: (
      call: grpc.ServerUnaryCall<Buffer, Buffer>,
      answer: grpc.sendUnaryData<Buffer>,
    ) => answer(null, call.request),
  });
  const port = await new Promise<number>((resolve) =>
    server.bindAsync(
      "127.0.0.1:0",
      grpc.ServerCredentials.createInsecure(),
      (_, port) => resolve(port),
    )
  );
  const client = new grpc.Client(
    `127.0.0.1:${port}`,
    grpc.credentials.createInsecure(),
  );
  await new Promise<void>((resolve) => {
    client.makeUnaryRequest(
      "/a/b",
      same,
      same,
      Buffer.of(1),
      () => resolve(),
    );
  });
  const of = (what: string): string[] => seen.filter((it) => it.endsWith(what));
  for (
    const what of [
      "client session",
      "server session",
      "client call",
      "server call",
    ]
  ) assertEquals(of(what), [`first ${what}`, `second ${what}`]);
  const ends = of("connection");
  assertEquals(ends, [
    "first connection",
    "second connection",
    "first connection",
    "second connection",
  ]);
  client.close();
  await clientSessionsEnded(1_000);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
});

Deno.test("hookHttp2() leaves another client of gRPC to read what comes in its own way", async () => {
  const answer = Buffer.concat(
    ["one", "two", "three"].map((text) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(text.length, 1);
      return Buffer.concat([prefix, Buffer.from(text)]);
    }),
  );
  const server = http2.createServer();
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const request = { ":method": "POST", "content-type": "application/grpc" };

  const told: Uint8Array[] = [];
  const listening = session.request(request);
  listening.on("data", (chunk: Uint8Array) => told.push(chunk));
  await new Promise<void>((resolve) => listening.on("end", () => resolve()));
  assertEquals(Buffer.concat(told), answer);

  const asked: Uint8Array[] = [];
  for await (const chunk of session.request(request)) asked.push(chunk);
  assertEquals(Buffer.concat(asked), answer);

  const closed = new Promise<void>((resolve) => session.once("close", resolve));
  session.close();
  await closed;
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
