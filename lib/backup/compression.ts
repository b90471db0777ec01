/**
 * Compresses bytes as they pass, and takes what was compressed for what it is. Gzip and Zstandard by
 * the runtime, which may lack the latter: then that is said, and nothing is sent in another form.
 */
import zlib from "node:zlib";
import { pipeline, Readable, type Transform } from "node:stream";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import { CompressionType } from "../../proto/messages/backup.ts";

const gzipStart = [0x1f, 0x8b];
const zstdStart = [0x28, 0xb5, 0x2f, 0xfd];

/** `bytes` in a form; Unimplemented when the runtime does not have it. */
export function compressed(
  bytes: AsyncIterable<Uint8Array>,
  form: CompressionType,
): AsyncIterable<Uint8Array> {
  switch (form) {
    case CompressionType.None:
      return bytes;
    case CompressionType.Gzip:
      return passed(bytes, zlib.createGzip());
    case CompressionType.Zstd:
      return passed(bytes, zstd("createZstdCompress"));
    default:
      throw invalidArgument("compression", "must be NONE, GZIP or ZSTD", form);
  }
}

/**
 * What `bytes` are, uncompressed, by how they begin. DataLoss when the runtime finds them damaged; it
 * does not find all of it in Zstandard, so whoever wants to be sure checks what comes out.
 */
export async function* decompressed(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const pieces = bytes[Symbol.asyncIterator]();
  try {
    const { done, value: first } = await pieces.next();
    if (done) return;
    const all = { [Symbol.asyncIterator]: () => from(first, pieces) };
    if (begins(first, gzipStart)) {
      yield* passed(all, zlib.createGunzip());
    } else if (begins(first, zstdStart)) {
      yield* passed(all, zstd("createZstdDecompress"));
    } else yield* all;
  } finally {
    await pieces.return?.();
  }
}

async function* from(
  first: Uint8Array,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  yield first;
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) return;
    yield value;
  }
}

/** `bytes` through a transform of the runtime, no faster than they are taken from it. */
async function* passed(
  bytes: AsyncIterable<Uint8Array>,
  through: Transform,
): AsyncGenerator<Uint8Array, void, void> {
  let failed: unknown;
  pipeline(Readable.from(bytes), through, (error) => failed = error);
  try {
    for await (const piece of through) yield new Uint8Array(piece);
  } catch (error) {
    throw reasonOf(failed ?? error);
  }
}

/** What the source threw stays as it is; what the runtime says of the bytes is damage. */
function reasonOf(error: unknown): unknown {
  if (error instanceof ConveyorError) return error;
  const { code, message } = error as { code?: unknown; message?: string };
  const ofBytes = typeof code === "string" && /^(Z_|ZSTD_)/.test(code);
  if (!ofBytes) return error;
  return new ConveyorError(
    Code.DataLoss,
    `Cannot decompress the bytes: ${message}`,
    { cause: error },
  );
}

function zstd(name: "createZstdCompress" | "createZstdDecompress"): Transform {
  const create = (zlib as { readonly [name: string]: unknown })[name];
  if (typeof create === "function") return create() as Transform;
  throw new ConveyorError(
    Code.Unimplemented,
    "Cannot use Zstandard: this runtime does not have it; use gzip",
  );
}

function begins(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, at) => bytes[at] === byte);
}
