/**
 * A lock of the operating system on a data directory. It goes with the process that took it, however
 * that ends, so it never has to be cleaned up. Deno KV itself lets any number of processes have a
 * file.
 */
import { StorageError } from "./storage_error.ts";

/** A lock that is held. */
export class FileLock {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Takes the lock at `path` for `place`; StorageError when another has it. */
  static async take(path: string, place: string): Promise<FileLock> {
    const file = await Deno.open(path, {
      read: true,
      write: true,
      create: true,
    });
    if (await file.tryLock(true)) {
      await file.truncate();
      await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
      return new FileLock(file);
    }
    const holder = await new Response(file.readable).text();
    throw new StorageError(
      "locked",
      `Cannot use ${place}: process ${
        holder.trim() || "unknown"
      } has it; stop that one first, or give this node a directory of its own`,
    );
  }

  release(): void {
    this.#file.close();
  }
}
