import { MemoryBackups } from "../../../lib/backup/memory_backups.ts";
import { testBackupStore } from "../../contract/backup_store_contract.ts";

testBackupStore(
  "MemoryBackups",
  () =>
    Promise.resolve(Object.assign(new MemoryBackups(), {
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })),
);
