// deno-lint-ignore-file no-console -- speaks to its parent by lines
/**
 * A service of the flow bench in a process of its own: `service_peer.ts transform|sink [ROUTER]`. With a
 * router it registers and answers as such a service does; without one it hands bytes back without
 * looking at them, for the floor. Prints its address; answers a line with the records it has seen, and
 * at the lines `stall` and `go on` the sink does so.
 */
import { RegistryClient, ServiceType } from "@conveyor/grpc";
import type { SinkServiceMethods } from "../../../proto/messages/sink.ts";
import type { TransformServiceMethods } from "../../../proto/messages/transform.ts";
import { rawMethod, serviceOf } from "../../../proto/service.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { TextLineStream } from "../../fixtures/text_lines.ts";
import { sinkAnswer, transformAnswer } from "./bench_bytes.ts";

const [role, router] = Deno.args as [string, string | undefined];
const server = new RpcServer({}, console.error);
/** Bytes in, bytes out. */
interface RawUnary {
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly kind: "unary";
}

let records = 0;
/** While it is not resolved, the sink answers nothing. */
let stalled: PromiseWithResolvers<void> | undefined;
let lastAnswer = new Uint8Array(0);

if (role === "transform") {
  const { name, methods } = serviceOf<TransformServiceMethods>(
    "conveyor.transform.TransformService",
  );
  const answer = router === undefined
    ? (request: Uint8Array) => request
    : transformAnswer;
  server.add<{ readonly processBatch: RawUnary }>({
    name,
    methods: { processBatch: rawMethod(methods.processBatch) },
  }, { processBatch: answer });
} else {
  const { name, methods } = serviceOf<SinkServiceMethods>(
    "conveyor.sink.SinkService",
  );
  server.add<{ readonly writeBatch: RawUnary }>({
    name,
    methods: { writeBatch: rawMethod(methods.writeBatch) },
  }, {
    writeBatch: async (request: Uint8Array) => {
      await stalled?.promise;
      if (router === undefined) {
        // As long as the answer of a sink would be.
        const length = Math.ceil(request.length / 8);
        if (lastAnswer.length !== length) lastAnswer = new Uint8Array(length);
        return lastAnswer;
      }
      const { answer, records: written } = sinkAnswer(request);
      records += written;
      return answer;
    },
  });
}

const address = await server.listen("127.0.0.1:0");
if (router !== undefined) {
  await using registry = await RegistryClient.connect(router);
  await registry.register({
    identity: {
      serviceId: role,
      name: role,
      serviceType: role === "sink" ? ServiceType.Sink : ServiceType.Transform,
    },
    endpoint: { host: "127.0.0.1", port: Number(address.split(":")[1]) },
    heartbeatInterval: { seconds: 3_600n, nanos: 0 },
  });
}
console.log(`http://${address}`);
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
for await (const line of lines) {
  if (line === "stall") stalled = Promise.withResolvers<void>();
  else if (line === "go on") stalled?.resolve();
  console.log(records);
}
