/**
 * Services of the wire contract as typed values: each method with its path, its kind and the codecs
 * of its messages. Clients and servers of every transport work from these, so that a message is
 * encoded and decoded in one place only.
 */
import type { Method as ProtoMethod } from "protobufjs";
import { invariant } from "../lib/invariant.ts";
import { type Codec, codecOf } from "./codec.ts";
import { schema } from "./schema.ts";

/** How many messages each side of a call sends. */
export type MethodKind = "unary" | "client_stream" | "server_stream" | "bidi";

/** The types of one method, as the generated `…Methods` interfaces list them. */
export interface MethodTypes {
  readonly request: object;
  readonly response: object;
  readonly kind: MethodKind;
}

/** One method: where it is called and how its messages are written. */
export interface Method<
  I = unknown,
  O = unknown,
  K extends MethodKind = MethodKind,
> {
  /** Path on the wire: `/conveyor.sink.SinkService/WriteBatch`. */
  readonly path: string;
  /** How many messages each side sends. */
  readonly kind: K;
  /** Writes and reads requests. */
  readonly request: Codec<I>;
  /** Writes and reads responses. */
  readonly response: Codec<O>;
}

/** A service: its full name, and its methods under their camelCase names. */
export interface Service<M extends { readonly [P in keyof M]: MethodTypes }> {
  readonly name: string;
  readonly methods: {
    readonly [P in keyof M]: Method<
      M[P]["request"],
      M[P]["response"],
      M[P]["kind"]
    >;
  };
}

/** The service of that full name, typed by its generated methods interface. */
export function serviceOf<M extends { readonly [P in keyof M]: MethodTypes }>(
  name: string,
): Service<M> {
  const methods: Record<string, Method> = {};
  for (const method of schema.lookupService(name).methodsArray) {
    const key = method.name[0]!.toLowerCase() + method.name.slice(1);
    methods[key] = methodOf(name, method);
  }
  return { name, methods: methods as unknown as Service<M>["methods"] };
}

function methodOf(service: string, method: ProtoMethod): Method {
  method.resolve();
  const { resolvedRequestType: request, resolvedResponseType: response } =
    method;
  invariant(
    request && response,
    `method ${service}.${method.name} has no message types`,
  );
  return {
    path: `/${service}/${method.name}`,
    kind: kindOf(method),
    request: codecOf(request),
    response: codecOf(response),
  };
}

function kindOf(method: ProtoMethod): MethodKind {
  if (method.requestStream) {
    return method.responseStream ? "bidi" : "client_stream";
  }
  return method.responseStream ? "server_stream" : "unary";
}

/** Bytes as they are: for callers that read and write messages without decoding them. */
export const rawCodec: Codec<Uint8Array> = {
  encode: (bytes) => bytes as Uint8Array,
  decode: (bytes) => bytes,
};

/** The same method on the wire, with both messages left as bytes. */
export function rawMethod<K extends MethodKind>(
  method: Method<unknown, unknown, K>,
): Method<Uint8Array, Uint8Array, K> {
  return { ...method, request: rawCodec, response: rawCodec };
}
