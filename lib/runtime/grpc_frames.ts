/**
 * Which buffers are messages that grpc-js has framed to write them once: it makes each for one call, and
 * nobody else sees it. Not so those of a call that grpc-js itself may try again: it keeps them for that.
 * Other users of node:http2, and other copies of grpc-js, may do with theirs what they like.
 */
import { CompressionFilterFactory } from "@grpc/grpc-js/build/src/compression-filter.js";
import { BaseServerInterceptingCall } from "@grpc/grpc-js/build/src/server-interceptors.js";
import { releasedBytesMin } from "../limits.ts";

const frames: WeakSet<Uint8Array> = new WeakSet();
/** Marks what frames messages as watched, for every copy of this package in the process. */
const watched = Symbol.for("@conveyor/grpc watched frames");

interface Framed {
  readonly message: Uint8Array;
}

/** What frames the messages of one call of a client. */
interface Filter {
  sendMessage(message: unknown): Promise<Framed>;
}

/** What makes it, with the options of the channel. */
interface Filters {
  readonly options: Readonly<Record<string, unknown>>;
  createFilter(): Filter;
  [watched]?: true;
}

/** A call that a server answers. */
interface ServedCall {
  serializeMessage(message: unknown): Uint8Array;
  [watched]?: true;
}

/** Notes all messages that are framed from now on; harmless when done before. */
export function watchFrames(): void {
  watchClients(CompressionFilterFactory.prototype as unknown as Filters);
  watchServers(BaseServerInterceptingCall.prototype as unknown as ServedCall);
}

/** Whether nobody looks at `bytes` once they are written. */
export function isFrame(bytes: Uint8Array): boolean {
  return frames.has(bytes);
}

function watchClients(filters: Filters): void {
  if (filters[watched]) return;
  filters[watched] = true;
  const createFilter = filters.createFilter;
  filters.createFilter = function (this: Filters) {
    const filter = createFilter.call(this);
    if (this.options["grpc.enable_retries"] !== 0) return filter;
    const sendMessage = filter.sendMessage;
    filter.sendMessage = async (message) => {
      const framed = await sendMessage.call(filter, message);
      note(framed.message);
      return framed;
    };
    return filter;
  };
}

function watchServers(call: ServedCall): void {
  if (call[watched]) return;
  call[watched] = true;
  const serializeMessage = call.serializeMessage;
  call.serializeMessage = function (this: ServedCall, message) {
    const frame = serializeMessage.call(this, message);
    note(frame);
    return frame;
  };
}

function note(frame: Uint8Array): void {
  if (frame.length >= releasedBytesMin) frames.add(frame);
}
