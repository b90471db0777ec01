/**
 * CheckpointService: up to where the records of each source are settled. An offset only rises; a
 * lower one is answered with success=false and changes nothing. What is read is linearizable, so a
 * source that asks any node where to resume misses no commit that was answered.
 */
import type { CheckpointServiceMethods } from "../../proto/messages/checkpoint.ts";
import type { Timestamp } from "../../proto/messages/google.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { OffsetGatherer } from "../consensus/offset_gatherer.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { requiredString } from "../options.ts";
import type { Handlers } from "../rpc/handler.ts";
import { timestampOf } from "./wire_time.ts";

/** CheckpointService, for the server to serve. */
export const checkpointService: Service<CheckpointServiceMethods> = serviceOf(
  "conveyor.checkpoint.CheckpointService",
);

type CheckpointHandlers = Handlers<CheckpointServiceMethods>;
type Method<K extends keyof CheckpointServiceMethods> = NonNullable<
  CheckpointHandlers[K]
>;

/** The highest sequence number there is: nothing follows it. */
const sequenceMax = 2n ** 64n - 1n;

/** The handlers of a node. */
export class CheckpointHandler implements CheckpointHandlers {
  readonly #replicated: ReplicatedState;
  readonly #gatherer: OffsetGatherer;

  constructor(replicated: ReplicatedState) {
    this.#replicated = replicated;
    this.#gatherer = new OffsetGatherer(replicated);
  }

  commitOffset: Method<"commitOffset"> = async (
    { sourceId, partition, offset },
    { signal },
  ) => {
    requiredString("source_id", sourceId);
    const commit = { sourceId, partition, offset };
    return { success: await this.#gatherer.commit(commit, signal) };
  };

  getSourceOffset: Method<"getSourceOffset"> = async (
    { sourceId, partition },
    { signal },
  ) => {
    requiredString("source_id", sourceId);
    const state = await this.#replicated.upToDate(signal);
    const offsets: Record<number, bigint> = {};
    const timestamps: Record<number, Timestamp> = {};
    for (const committed of state.offsets.list(sourceId)) {
      if (partition !== undefined && committed.partition !== partition) {
        continue;
      }
      const { offset } = committed;
      offsets[committed.partition] = offset < sequenceMax
        ? offset + 1n
        : sequenceMax;
      timestamps[committed.partition] = timestampOf(committed.committedAtMs);
    }
    return { offsets, timestamps };
  };
}
