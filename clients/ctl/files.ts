/** Files that an operator names. What is wrong with one is InvalidArgument in a sentence. */
import { Code, ConveyorError, messageOf } from "../../lib/errors.ts";
import { pipelineFileBytesMax } from "../../lib/limits.ts";
import { requirePermissions } from "./require_permissions.ts";

/** The text of a file, or of standard input for "-". */
export async function readText(path: string): Promise<string> {
  requirePermissions({ read: path === "-" ? [] : [path] });
  return await named("read", path, async () => {
    if (path === "-") return await textOf(Deno.stdin);
    using file = await Deno.open(path);
    return await textOf(file);
  });
}

/** What is no text would be read as another one, and what has no end would take all memory. */
async function textOf(
  file: { read(into: Uint8Array): Promise<number | null> },
): Promise<string> {
  const bytes = new Uint8Array(pipelineFileBytesMax + 1);
  let size = 0;
  while (size < bytes.length) {
    const read = await file.read(bytes.subarray(size));
    if (read === null) break;
    size += read;
  }
  if (size > pipelineFileBytesMax) {
    throw new Error(`It has more than ${pipelineFileBytesMax} bytes`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true })
      .decode(bytes.subarray(0, size));
  } catch (cause) {
    throw new Error("It is not text in UTF-8", { cause });
  }
}

/** The bytes of a file. */
export async function* readBytes(path: string): AsyncGenerator<Uint8Array> {
  requirePermissions({ read: [path] });
  using file = await named("read", path, () => Deno.open(path));
  const piece = new Uint8Array(64 * 1024);
  for (;;) {
    const read = await named("read", path, () => file.read(piece));
    if (read === null) return;
    yield piece.slice(0, read);
  }
}

/** Writes a file, which is there when it is whole: the one before stays until then. */
export async function writeBytes(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const part = `${path}.part`;
  requirePermissions({ read: [part, path], write: [part, path] });
  const file = await named("write", path, () => Deno.create(part));
  try {
    await ReadableStream.from(bytes).pipeTo(file.writable);
    await named("write", path, () => Deno.rename(part, path));
  } catch (error) {
    await Deno.remove(part);
    throw error;
  }
}

async function named<T>(
  what: string,
  path: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Deno's own words end with the call that failed.
    const reason = messageOf(error).replace(/ \(os error \d+\).*$/, "");
    throw new ConveyorError(
      Code.InvalidArgument,
      `Cannot ${what} "${path}": ${reason}`,
      { cause: error },
    );
  }
}
