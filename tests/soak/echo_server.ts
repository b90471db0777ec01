/**
 * A server to be killed: prints its port, serves until its standard input ends
 * (so that it never outlives the process that started it), and says goodbye to
 * its clients on SIGTERM. Arguments: [--unguarded] [PORT].
 */
import { Buffer } from "node:buffer";
import type { grpc } from "../../lib/runtime/grpc.ts";
import { echoService, loadGrpc } from "./echo.ts";
import { say } from "./lines.ts";

const flag = "--unguarded";
const { Server, ServerCredentials } = await loadGrpc(!Deno.args.includes(flag));
const port = Deno.args.find((argument) => argument !== flag) ?? "0";

const server = new Server({ "grpc.max_concurrent_streams": 1_000 });
const echo: grpc.handleUnaryCall<Buffer, Buffer> = (call, answer) =>
  answer(null, call.request);
const rss: grpc.handleUnaryCall<Buffer, Buffer> = (_call, answer) =>
  answer(null, Buffer.from(`${Deno.memoryUsage().rss}`));
server.addService(echoService, { echo, rss });
const bound = await new Promise<number>((resolve, reject) =>
  server.bindAsync(
    `127.0.0.1:${port}`,
    ServerCredentials.createInsecure(),
    (error, port) => error ? reject(error) : resolve(port),
  )
);
Deno.addSignalListener("SIGTERM", () => server.tryShutdown(() => Deno.exit()));
say(`${bound}`);
for await (const _ of Deno.stdin.readable);
Deno.exit();
