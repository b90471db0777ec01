/** Where the store of a node is in its data directory, and the lock that its one owner holds. */
import type { KvFile } from "./kv_file.ts";
import { corrupt } from "./recovery.ts";

/** The file of the store in the directory. */
export function storeFile(directory: string): KvFile {
  const place = `data directory ${JSON.stringify(directory)}`;
  return {
    directory,
    place,
    file: "raft.kv",
    lock: "lock",
    corrupt: (what, cause) => corrupt(place, what, cause),
  };
}
