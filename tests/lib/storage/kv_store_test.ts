/** The store in a Deno KV file keeps what every store promises. */
import { storeContract } from "../../contract/store_contract.ts";
import { memoryDirectory } from "../../fixtures/memory_directory.ts";
import { noPause } from "../../fixtures/no_pause.ts";
import { openKvStore } from "../../../lib/storage/open_kv_store.ts";

storeContract("KvStore", async () => {
  const directory = await memoryDirectory();
  return {
    open: (identity, first) =>
      openKvStore({
        directory,
        identity,
        scheduler: noPause,
        ...(first && { first }),
      }),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
});
