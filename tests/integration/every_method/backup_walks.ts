/** BackupService. */
import { assertEquals } from "@std/assert";
import { backupService } from "../../../lib/handlers/backup_handler.ts";
import { checkpointService } from "../../../lib/handlers/checkpoint_handler.ts";
import { Code } from "../../../lib/errors.ts";
import { CompressionType } from "../../../proto/messages/backup.ts";
import type { Walk } from "./walk.ts";

const backups = backupService.methods;
const { commitOffset, getSourceOffset } = checkpointService.methods;

export const backupWalks: readonly Walk[] = [
  {
    title:
      "a snapshot, from before it is made to the state that it brings back",
    run: async (here, there, snapshotId) => {
      const of = { snapshotId };
      const sourceId = snapshotId;
      await here.refuses(Code.NotFound, backups.streamSnapshot, of);
      await here.refuses(Code.NotFound, backups.restoreSnapshot, of);
      await here.answers(backups.deleteSnapshot, of, { success: false });
      const before = await here.answers(backups.getStateMetadata, {});

      await here.answers(commitOffset, { sourceId, offset: 5n });
      await here.answers(backups.createSnapshot, of, of);
      const { snapshots } = await here.answers(backups.listSnapshots, {});
      assertEquals(
        snapshots.some((each) => each.snapshotId === snapshotId),
        true,
      );
      // Each node has those that it was asked for.
      await there.refuses(Code.NotFound, backups.streamSnapshot, of);
      const chunks = await here.stream(backups.streamSnapshot, [{
        ...of,
        compression: CompressionType.Gzip,
      }]);
      const [uploaded] = await there.stream(backups.uploadSnapshot, chunks);
      await there.refuses(
        Code.DataLoss,
        backups.uploadSnapshot,
        { ...chunks[0]!, isLast: false },
      );
      const copy = { snapshotId: uploaded!.snapshotId };

      await here.answers(commitOffset, { sourceId, offset: 9n });
      const look = { ...copy, validateOnly: true };
      await there.answers(backups.restoreSnapshot, look, { success: true });
      await here.answers(getSourceOffset, { sourceId }, {
        offsets: { 0: 10n },
      });
      await there.answers(backups.restoreSnapshot, copy, { success: true });
      await here.answers(getSourceOffset, { sourceId }, { offsets: { 0: 6n } });
      const { serviceCount, pipelineCount } = before;
      await here.answers(backups.getStateMetadata, {}, {
        serviceCount,
        pipelineCount,
      });
      await here.answers(backups.deleteSnapshot, of, { success: true });
      await here.answers(backups.deleteSnapshot, of, { success: false });
      await there.answers(backups.deleteSnapshot, copy, { success: true });
    },
  },
];
