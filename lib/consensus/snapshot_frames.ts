/**
 * A snapshot as one stream of bytes: frames, each its length and what it holds. Whoever stores or
 * sends the stream may cut it anywhere; the machine gets back the chunks that it gave.
 */
import { Code, ConveyorError } from "../errors.ts";
import { snapshotChunkBytesMax, snapshotFrameBytesMax } from "../limits.ts";

const lengthBytes = 4;

/** `chunks` as one stream of frames, in pieces of 256 KiB and a last one. */
export function* frames(
  chunks: Iterable<Uint8Array>,
): Generator<Uint8Array, void, void> {
  let piece = new Uint8Array(snapshotChunkBytesMax);
  let used = 0;
  for (const chunk of chunks) {
    const length = new Uint8Array(lengthBytes);
    new DataView(length.buffer).setUint32(0, chunk.length);
    for (const part of [length, chunk]) {
      let at = 0;
      while (at < part.length) {
        const end = Math.min(part.length, at + piece.length - used);
        piece.set(part.subarray(at, end), used);
        used += end - at;
        at = end;
        if (used < piece.length) continue;
        yield piece;
        piece = new Uint8Array(snapshotChunkBytesMax);
        used = 0;
      }
    }
  }
  if (used > 0) yield piece.subarray(0, used);
}

/** The chunks in a stream of frames that arrives in `pieces`; DataLoss when it is cut short. */
export async function* unframed(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const piece of pieces) {
    rest = joined(rest, piece);
    for (;;) {
      const length = lengthOf(rest);
      if (length === undefined || rest.length < lengthBytes + length) break;
      yield rest.subarray(lengthBytes, lengthBytes + length);
      rest = rest.subarray(lengthBytes + length);
    }
  }
  if (rest.length > 0) {
    throw damaged(`it ends ${rest.length} bytes into a frame`);
  }
}

function lengthOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < lengthBytes) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (length > snapshotFrameBytesMax) {
    throw damaged(`a frame of ${length} bytes, over ${snapshotFrameBytesMax}`);
  }
  return length;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

/** What a snapshot that does not fit together is refused with. */
export function damaged(what: string): ConveyorError {
  return new ConveyorError(
    Code.DataLoss,
    `Cannot restore the snapshot: ${what}`,
  );
}
