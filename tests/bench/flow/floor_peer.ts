// deno-lint-ignore-file no-console -- speaks to its parent by lines
/**
 * The floor of the flow bench: the hops of the router and nothing else. `floor_peer.ts TRANSFORM SINK`
 * takes each message of a push stream, has the transform and then the sink called with its bytes, and
 * answers with bytes of the length of an ack. Prints its address.
 */
import { Channel } from "../../../clients/channel.ts";
import type { SinkServiceMethods } from "../../../proto/messages/sink.ts";
import type { SourceRouterMethods } from "../../../proto/messages/source.ts";
import type { TransformServiceMethods } from "../../../proto/messages/transform.ts";
import { rawMethod, serviceOf } from "../../../proto/service.ts";
import { overlapped } from "../../../lib/rpc/overlapped.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";

const [transformUrl, sinkUrl] = Deno.args as [string, string];
const transform = await Channel.connect(transformUrl);
const sink = await Channel.connect(sinkUrl);
const processBatch = rawMethod(
  serviceOf<TransformServiceMethods>("conveyor.transform.TransformService")
    .methods.processBatch,
);
const writeBatch = rawMethod(
  serviceOf<SinkServiceMethods>("conveyor.sink.SinkService").methods.writeBatch,
);
const source = serviceOf<SourceRouterMethods>("conveyor.source.SourceRouter");
/** Messages that are between their arrival and their ack. */
const messagesMax = 64;

const server = new RpcServer({}, console.error);
/** Bytes in, bytes out. */
interface RawStream {
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly kind: "bidi";
}

server.add<{ readonly pushRecords: RawStream }>({
  name: source.name,
  methods: { pushRecords: rawMethod(source.methods.pushRecords) },
}, {
  pushRecords: (pushes: AsyncIterable<Uint8Array>) =>
    overlapped(pushes, messagesMax, (push) => {
      const ack = passOn(push);
      return () => ack;
    }),
});

async function passOn(push: Uint8Array): Promise<Uint8Array> {
  const { message } = await transform.unary(processBatch, push);
  const written = await sink.unary(writeBatch, message);
  return written.message;
}

console.log(`http://${await server.listen("127.0.0.1:0")}`);
