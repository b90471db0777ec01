/** The store in memory keeps what every store promises. */
import { storeContract } from "../../contract/store_contract.ts";
import { MemoryDisk, MemoryStore } from "../../../lib/storage/memory_store.ts";

storeContract("MemoryStore", () => {
  const disk = new MemoryDisk();
  return Promise.resolve({
    open: (identity, first) => MemoryStore.open(identity, first, disk),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
