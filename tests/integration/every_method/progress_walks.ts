/** CheckpointService. */
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { checkpointService } from "../../../lib/handlers/checkpoint_handler.ts";
import { Code } from "../../../lib/errors.ts";
import { checkpointBytesMax } from "../../../lib/limits.ts";
import { line } from "../../fixtures/router_setup.ts";
import type { Walk } from "./walk.ts";

const progress = checkpointService.methods;
const { createPipeline, deletePipeline } = adminService.methods;

export const progressWalks: readonly Walk[] = [
  {
    title: "a checkpoint, from before it is saved to the one after",
    run: async (here, there, serviceId) => {
      const save = (...bytes: number[]) => ({
        serviceId,
        data: new Uint8Array(bytes),
      });
      await here.answers(progress.getCheckpoint, { serviceId }, {
        found: false,
      });
      await here.answers(progress.saveCheckpoint, save(1), { success: true });
      await there.answers(progress.getCheckpoint, { serviceId }, {
        found: true,
        data: new Uint8Array([1]),
      });
      await there.answers(progress.saveCheckpoint, save(2), { success: true });
      const tooLarge = {
        serviceId,
        data: new Uint8Array(checkpointBytesMax + 1),
      };
      await here.refuses(
        Code.InvalidArgument,
        progress.saveCheckpoint,
        tooLarge,
      );
      await here.refuses(Code.InvalidArgument, progress.saveCheckpoint, {});
      await here.answers(progress.getCheckpoint, { serviceId }, {
        data: new Uint8Array([2]),
      });
    },
  },
  {
    title: "the offsets and watermarks of a source only rise",
    run: async (here, there, sourceId) => {
      const commit = (offset: bigint) => ({ sourceId, offset });
      const report = (position: bigint) => ({
        watermark: { sourceId, position, timestamp: { seconds: position } },
      });
      await here.answers(progress.getSourceOffset, { sourceId }, {
        offsets: {},
      });
      await here.answers(progress.getWatermark, { sourceId }, {
        watermarks: [],
      });
      await here.answers(progress.commitOffset, commit(5n), { success: true });
      await there.answers(progress.getSourceOffset, { sourceId }, {
        offsets: { 0: 6n },
      });
      await there.answers(progress.commitOffset, commit(4n), {
        success: false,
      });
      await here.answers(progress.reportWatermark, report(5n), {
        accepted: true,
      });
      await there.answers(progress.reportWatermark, report(4n), {
        accepted: false,
      });
      await here.answers(progress.getSourceOffset, { sourceId }, {
        offsets: { 0: 6n },
      });
      await there.answers(progress.getWatermark, { sourceId }, {
        watermarks: [{ position: 5n }],
      });
      await here.refuses(Code.InvalidArgument, progress.commitOffset, {});
      await here.refuses(Code.InvalidArgument, progress.reportWatermark, {});
      await here.refuses(Code.InvalidArgument, progress.getSourceOffset, {});
    },
  },
  {
    title:
      "the progress of a pipeline, before there is one, with it and after it",
    run: async (here, there, pipelineId) => {
      const { getPipelineCheckpoints: get } = progress;
      await here.refuses(Code.NotFound, get, { pipelineId });
      const { stages, edges } = line("nobody");
      const source = {
        ...stages[0]!,
        serviceSelector: { serviceName: pipelineId },
      };
      const config = { id: pipelineId, stages: [source, stages[1]!], edges };
      await here.answers(createPipeline, { config });
      await there.answers(get, { pipelineId }, { sourceOffsets: {} });
      const commit = { sourceId: pipelineId, offset: 5n };
      await here.answers(progress.commitOffset, commit);
      await there.answers(get, { pipelineId }, {
        sourceOffsets: { [pipelineId]: { offsets: { 0: 5n } } },
      });
      await here.answers(deletePipeline, { pipelineId });
      await there.refuses(Code.NotFound, get, { pipelineId });
    },
  },
];
