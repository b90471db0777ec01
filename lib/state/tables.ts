/**
 * The aggregates of the replicated state, in the order in which a snapshot holds them.
 */
import { Assignments } from "./assignments.ts";
import { Checkpoints } from "./checkpoints.ts";
import { GroupOffsets } from "./group_offsets.ts";
import { Groups } from "./groups.ts";
import { Nodes } from "./nodes.ts";
import { Offsets } from "./offsets.ts";
import { Pipelines } from "./pipelines.ts";
import { Services } from "./services.ts";
import { Sidecars } from "./sidecars.ts";
import { Restoring } from "./restoring.ts";
import type { Aggregate } from "./types.ts";
import { Watermarks } from "./watermarks.ts";

/** All that is replicated. */
export class Tables {
  readonly pipelines: Pipelines = new Pipelines();
  readonly offsets: Offsets = new Offsets();
  readonly services: Services = new Services();
  readonly groups: Groups = new Groups();
  readonly groupOffsets: GroupOffsets = new GroupOffsets();
  readonly watermarks: Watermarks = new Watermarks();
  readonly checkpoints: Checkpoints = new Checkpoints();
  readonly sidecars: Sidecars = new Sidecars();
  readonly assignments: Assignments = new Assignments();
  readonly nodes: Nodes = new Nodes();
  readonly restoreParts: Restoring = new Restoring(() => new Tables());

  /** In the order of the fields of SnapshotEntry, which is that of the properties. */
  aggregates(): readonly Aggregate[] {
    return Object.values(this);
  }
}
