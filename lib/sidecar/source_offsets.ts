/**
 * Where a source of the pod goes on, asked of its sidecar: sources know no other address. The cluster
 * knows, once it has been told what the source has heard; everything else of CheckpointService is asked
 * there.
 */
import type { CheckpointClient } from "../../clients/checkpoint_client.ts";
import type { CheckpointServiceMethods } from "../../proto/messages/checkpoint.ts";
import { within } from "../consensus/within.ts";
import type { OffsetsPort } from "../handlers/checkpoint_handler.ts";
import { requiredString } from "../options.ts";
import type { Handlers } from "../rpc/handler.ts";

/** The one method of CheckpointService that a sidecar has. */
export function sourceOffsets(
  checkpoints: Pick<CheckpointClient, "resumePositions">,
  flow: OffsetsPort,
): Handlers<CheckpointServiceMethods> {
  return {
    getSourceOffset: async ({ sourceId, partition }, { signal }) => {
      requiredString("source_id", sourceId);
      await within(flow.commitOffsets(sourceId), signal);
      const positions = await checkpoints.resumePositions(sourceId, { signal });
      const wanted = [...positions].filter(([each]) =>
        partition === undefined || each === partition
      );
      return { offsets: Object.fromEntries(wanted) };
    },
  };
}
