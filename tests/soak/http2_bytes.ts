/**
 * HTTP/2 as a hostile peer writes it: frames put together by hand, so that they
 * can be too large, out of order, and made wrong afterwards.
 */
const encoder = new TextEncoder();

export const preface = encoder.encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const frameTypes = { data: 0, headers: 1, rstStream: 3, settings: 4 };
export const flags = { endStream: 1, endHeaders: 4 };

export function frame(
  type: number,
  flag: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(),
): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length << 8 | type);
  view.setUint8(4, flag);
  view.setUint32(5, stream);
  bytes.set(payload, 9);
  return bytes;
}

/** What every client says first: the preface and empty settings. */
export const hello = concat(preface, frame(frameTypes.settings, 0, 0));

/** Opens `stream` with a call of `path`. */
export function callHeaders(stream: number, path: string): Uint8Array {
  // HPACK: ":method: POST" and ":scheme: http" from the static table, the rest
  // as literals without Huffman coding.
  const block = concat(
    Uint8Array.of(0x83, 0x86, 0x04),
    hpackString(path),
    Uint8Array.of(0x01),
    hpackString("127.0.0.1"),
    Uint8Array.of(0x00),
    hpackString("content-type"),
    hpackString("application/grpc"),
    Uint8Array.of(0x00),
    hpackString("te"),
    hpackString("trailers"),
  );
  return frame(frameTypes.headers, flags.endHeaders, stream, block);
}

/** The start of a message that says it has `length` bytes. */
export function messagePrefix(length: number): Uint8Array {
  const bytes = new Uint8Array(5);
  new DataView(bytes.buffer).setUint32(1, length);
  return bytes;
}

function hpackString(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  return concat(Uint8Array.of(bytes.length), bytes);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
