/** Files that an operator names. What is wrong with one is InvalidArgument in a sentence. */
import { Code, ConveyorError, messageOf } from "../../lib/errors.ts";
import { requirePermissions } from "./require_permissions.ts";

/** The text of a file, or of standard input for "-". */
export async function readText(path: string): Promise<string> {
  requirePermissions({ read: path === "-" ? [] : [path] });
  if (path === "-") return await new Response(Deno.stdin.readable).text();
  return await named("read", path, () => Deno.readTextFile(path));
}

/** The bytes of a file. */
export async function* readBytes(path: string): AsyncGenerator<Uint8Array> {
  requirePermissions({ read: [path] });
  using file = await named("read", path, () => Deno.open(path));
  yield* file.readable;
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
