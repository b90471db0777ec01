/**
 * What an entry of the log holds besides its command: the id of the request, by which a command that
 * was sent twice is applied once, and the leader's clock, which is the only time that replicated
 * state knows. An entry without data is the one that a new leader commits first.
 */
import { invariant } from "../invariant.ts";
import { requestIdBytes } from "../metadata_keys.ts";

const formatVersion = 1;
const headerBytes = 1 + 8 + requestIdBytes;

/** A command with what goes before it. */
export interface Envelope {
  /** Unique among all requests for as long as they may be repeated. */
  readonly requestId: Uint8Array;
  readonly atMs: number;
  readonly command: Uint8Array;
}

/** The data of the entry that carries `envelope`. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { requestId, atMs, command } = envelope;
  invariant(
    requestId.length === requestIdBytes,
    "a request id of another length",
  );
  const data = new Uint8Array(headerBytes + command.length);
  data[0] = formatVersion;
  new DataView(data.buffer).setFloat64(1, atMs);
  data.set(requestId, 9);
  data.set(command, headerBytes);
  return data;
}

/** The envelope in an entry's data, as views of it; undefined when it is of a later version. */
export function decodeEnvelope(data: Uint8Array): Envelope | undefined {
  if (data.length < headerBytes || data[0] !== formatVersion) return undefined;
  return {
    atMs: new DataView(data.buffer, data.byteOffset).getFloat64(1),
    requestId: data.subarray(9, headerBytes),
    command: data.subarray(headerBytes),
  };
}

/** An id as the key of a map. */
export function requestKey(requestId: Uint8Array): string {
  return requestId.toHex();
}

/** Ids of the requests that one run of one node makes: no two are equal, nor those of another run. */
export class RequestIds {
  readonly #prefix: DataView = new DataView(new ArrayBuffer(requestIdBytes));
  #count = 0;

  constructor(nodeId: number, incarnation: number) {
    // The first byte tells them from ids that clients draw, which set it to another value.
    this.#prefix.setUint32(0, nodeId);
    this.#prefix.setUint32(4, incarnation);
  }

  next(): Uint8Array {
    this.#prefix.setFloat64(8, ++this.#count);
    return new Uint8Array(this.#prefix.buffer.slice(0));
  }
}
