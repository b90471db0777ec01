import { assertEquals } from "@std/assert";
import { BackupCheck } from "../../../lib/backup/backup_check.ts";
import { Code } from "../../../lib/errors.ts";
import { allOf, backupBytes, inPieces } from "../../fixtures/backups.ts";
import { rejection } from "../../fixtures/rejection.ts";

function checked(bytes: Uint8Array, size?: number): Promise<Uint8Array> {
  return allOf(new BackupCheck().watch(inPieces(bytes, size)));
}

Deno.test("BackupCheck passes a whole backup on, and tells what it holds", async () => {
  const bytes = backupBytes(12);
  for (const size of [1, 10, 1_000]) {
    assertEquals(await checked(bytes, size), bytes);
  }
  const check = new BackupCheck();
  for await (const piece of inPieces(bytes)) check.push(piece);
  const { head, services, pipelines } = check.finish();
  assertEquals([head.commitIndex, services, pipelines], [7, 12, 0]);
});

Deno.test("BackupCheck finds any damaged byte, and a backup that is cut short", async () => {
  const bytes = backupBytes(3);
  for (let at = 0; at < bytes.length; at += 7) {
    const damaged = bytes.slice();
    damaged[at]! ^= 4;
    await rejection(checked(damaged), Code.DataLoss);
  }
  for (let end = 0; end < bytes.length; end += 11) {
    await rejection(checked(bytes.subarray(0, end)), Code.DataLoss);
  }
});
