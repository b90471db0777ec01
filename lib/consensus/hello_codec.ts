/** Who opens a stream as the bytes of `conveyor.cluster.Hello`, and back. */
import { type Codec, codecOf } from "../../proto/codec.ts";
import type { Hello as ProtoHello } from "../../proto/messages/cluster.ts";
import { schema } from "../../proto/schema.ts";
import { exactNumber } from "./exact_number.ts";
import type { Hello } from "./transport.ts";

const codec: Codec<ProtoHello> = codecOf(
  schema.lookupType("conveyor.cluster.Hello"),
);

/** `hello` as bytes. */
export function encodeHello(hello: Hello): Uint8Array {
  return codec.encode({
    version: hello.version,
    clusterId: hello.clusterId,
    nodeId: BigInt(hello.nodeId),
    incarnation: BigInt(hello.incarnation),
    stream: BigInt(hello.stream),
    lastIndex: BigInt(hello.lastIndex),
    lastTerm: BigInt(hello.lastTerm),
    term: BigInt(hello.term),
    address: hello.address,
    memberAt: BigInt(hello.memberAt),
    storeId: hello.storeId,
  });
}

/** The hello in `bytes`. */
export function decodeHello(bytes: Uint8Array): Hello {
  const hello = codec.decode(bytes);
  const exact = (
    field:
      | "nodeId"
      | "incarnation"
      | "stream"
      | "lastIndex"
      | "lastTerm"
      | "term"
      | "memberAt",
  ): number => exactNumber(`hello.${field}`, hello[field]);
  return {
    version: hello.version,
    clusterId: hello.clusterId,
    nodeId: exact("nodeId"),
    incarnation: exact("incarnation"),
    stream: exact("stream"),
    lastIndex: exact("lastIndex"),
    lastTerm: exact("lastTerm"),
    term: exact("term"),
    address: hello.address,
    memberAt: exact("memberAt"),
    storeId: hello.storeId,
  };
}
