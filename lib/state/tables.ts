/**
 * The aggregates of the replicated state, and the order in which a snapshot holds them.
 */
import { Offsets } from "./offsets.ts";
import { Pipelines } from "./pipelines.ts";
import { Services } from "./services.ts";
import type { Aggregate } from "./types.ts";

/** All that is replicated. */
export class Tables {
  readonly pipelines: Pipelines = new Pipelines();
  readonly offsets: Offsets = new Offsets();
  readonly services: Services = new Services();

  /** In the order of the fields of SnapshotEntry. */
  aggregates(): readonly Aggregate[] {
    return [this.pipelines, this.offsets, this.services];
  }
}
