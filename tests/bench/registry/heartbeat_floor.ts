// deno-lint-ignore-file no-console -- speaks to its parent by lines
/** The floor of heartbeats: grpc-js, which answers each with the same bytes. Prints its address. */
import { Buffer } from "node:buffer";
import { grpc } from "../../../lib/runtime/grpc.ts";
import { registryService } from "../../../lib/handlers/registry_handler.ts";

const { heartbeat } = registryService.methods;
const answer = Buffer.from(heartbeat.response.encode({
  acknowledged: true,
  nextHeartbeatDeadline: { seconds: 15n, nanos: 0 },
}));
const asItIs = (bytes: Buffer) => bytes;
const server = new grpc.Server();
server.addService({
  heartbeat: {
    path: heartbeat.path,
    requestStream: true,
    responseStream: true,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  },
}, {
  heartbeat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
    call.on("data", () => call.write(answer));
    call.on("end", () => call.end());
  },
});
server.bindAsync(
  "127.0.0.1:0",
  grpc.ServerCredentials.createInsecure(),
  (_error, port) => console.log(`http://127.0.0.1:${port}`),
);
