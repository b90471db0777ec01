/**
 * Which store each other node came with when it was first met, kept in the data directory over
 * restarts. A node id goes with one store for good: another one has forgotten what the first promised,
 * and a quorum that counts on it would be none.
 */
import { usable } from "./kv_file.ts";
import { corrupt } from "./recovery.ts";
import { storeFile } from "./store_file.ts";
import { writeFailed } from "./write_failed.ts";

/** The stores that the node of one data directory has met. */
export class MetStores {
  readonly #place: string;
  readonly #path: string;
  /** By node id. */
  readonly #ids: Map<number, string>;

  private constructor(place: string, path: string, ids: Map<number, string>) {
    this.#place = place;
    this.#path = path;
    this.#ids = ids;
  }

  /**
   * Those of a directory that is there, and those that another node `told` of, by node id, where this
   * one has met none. StorageError when they cannot be read, or what is new not be noted.
   */
  static async open(
    directory: string,
    told: ReadonlyMap<number, string> = new Map(),
  ): Promise<MetStores> {
    const { place } = storeFile(directory);
    const path = `${directory}/met`;
    const text = await usable(place, () => read(path));
    const ids = new Map<number, string>();
    for (const line of text.match(/.*\n|.+/g) ?? []) {
      const [, nodeId, storeId] = /^(\d+) (\S+)\n$/.exec(line) ?? [];
      if (nodeId === undefined || storeId === undefined) {
        throw corrupt(place, `"met" is damaged at ${JSON.stringify(line)}`);
      }
      ids.set(Number(nodeId), storeId);
    }
    const met = new MetStores(place, path, ids);
    for (const [nodeId, storeId] of told) {
      if (!ids.has(nodeId)) met.set(nodeId, storeId);
    }
    return met;
  }

  /** Id of the store that the node came with; undefined for one that was never met. */
  get(nodeId: number): string | undefined {
    return this.#ids.get(nodeId);
  }

  /**
   * Notes it, on the disk before this returns: whoever was let in once is known after a crash. StorageError,
   * and nothing noted, when that cannot be written.
   */
  set(nodeId: number, storeId: string): void {
    const ids = new Map([...this.#ids, [nodeId, storeId]]);
    try {
      this.#write(ids);
    } catch (error) {
      throw writeFailed(`"met" of ${this.#place}`, error);
    }
    this.#ids.set(nodeId, storeId);
  }

  #write(ids: ReadonlyMap<number, string>): void {
    const draft = `${this.#path}.new`;
    using file = Deno.openSync(draft, {
      write: true,
      create: true,
      truncate: true,
    });
    const lines = [...ids].map((each) => `${each.join(" ")}\n`);
    file.writeSync(new TextEncoder().encode(lines.join("")));
    file.syncSync();
    Deno.renameSync(draft, this.#path);
  }
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
