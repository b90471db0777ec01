/**
 * The checkpoints that services save: the latest of each, with the positions in the sources that it
 * belongs to. It is kept under the name that the service has in the register too, so that a pipeline
 * finds the checkpoints of its services when these are gone and it is to be resumed.
 */
import { Code } from "../errors.ts";
import {
  checkpointBytesMax,
  checkpointBytesTotalMax,
  checkpointOffsetsMax,
} from "../limits.ts";
import type { PartitionOffsets } from "../../proto/messages/checkpoint.ts";
import type {
  Checkpoint,
  SaveCheckpoint,
  SnapshotEntry,
} from "../../proto/messages/state.ts";
import { NameIndex } from "./name_index.ts";
import { OrderedTable } from "./ordered_table.ts";
import { badId, done, noRoomFor, refuse } from "./rules.ts";
import { byName } from "./service_rules.ts";
import type { ServicesView } from "./services.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  Refused,
  SnapshotEntries,
} from "./types.ts";

/** What may be asked of the checkpoints. */
export interface CheckpointsView {
  readonly size: number;
  /** The latest of a service. */
  get(serviceId: string): Readonly<Checkpoint> | undefined;
  /** Those of services that have or had that name, in order of their id. */
  named(serviceName: string): Readonly<Checkpoint>[];
}

/** The checkpoints, by service. */
export class Checkpoints implements Aggregate, CheckpointsView {
  readonly #table: OrderedTable<Readonly<Checkpoint>> = new OrderedTable();
  readonly #byName: NameIndex = new NameIndex();
  /** Bytes of all data. */
  #bytes = 0;

  get size(): number {
    return this.#table.size;
  }

  get(serviceId: string): Readonly<Checkpoint> | undefined {
    return this.#table.get(serviceId);
  }

  named(serviceName: string): Readonly<Checkpoint>[] {
    return this.#byName.ids(serviceName).map((id) => this.#table.get(id)!);
  }

  save(
    command: SaveCheckpoint,
    { atMs }: AppliedAt,
    services: ServicesView,
  ): Outcome {
    const { serviceId, checkpointId, data } = command;
    const before = this.#table.get(serviceId);
    const bad = badId("service_id", serviceId) ??
      badId("checkpoint_id", checkpointId) ?? badData(data) ??
      badSourceOffsets(command.sourceOffsets);
    if (bad) return bad;
    if (this.#bytes - bytesOf(before) + data.length > checkpointBytesTotalMax) {
      return noRoomFor("data", "bytes in all", checkpointBytesTotalMax);
    }
    this.#put({
      serviceId,
      checkpointId,
      // The command's bytes belong to the log.
      data: data.slice(),
      sourceOffsets: inOrder(command.sourceOffsets),
      createdAtMs: atMs,
      serviceName: services.get(serviceId)?.identity.name ??
        before?.serviceName ?? "",
    });
    return done([{ kind: "checkpointSaved", serviceId, checkpointId }], {
      checkpoint: { checkpointId, createdAtMs: atMs },
    });
  }

  freeze(): SnapshotEntries {
    return entriesOf(this.#table.fork());
  }

  load({ checkpoint }: SnapshotEntry): boolean {
    if (!checkpoint) return false;
    this.#put({ ...checkpoint, data: checkpoint.data.slice() });
    return true;
  }

  #put(checkpoint: Readonly<Checkpoint>): void {
    const { serviceId, serviceName } = checkpoint;
    const before = this.#table.get(serviceId);
    if (before) this.#byName.remove(before.serviceName, serviceId);
    this.#byName.add(serviceName, serviceId);
    this.#bytes += bytesOf(checkpoint) - bytesOf(before);
    this.#table.set(serviceId, checkpoint);
  }
}

function bytesOf(checkpoint: Readonly<Checkpoint> | undefined): number {
  return checkpoint?.data.length ?? 0;
}

function* entriesOf(
  table: OrderedTable<Readonly<Checkpoint>>,
): SnapshotEntries {
  for (const checkpoint of table.values()) yield { checkpoint };
}

/** The same positions, in the order of sources and partitions. */
function inOrder(
  sourceOffsets: { [sourceId: string]: PartitionOffsets },
): { [sourceId: string]: PartitionOffsets } {
  return byName(Object.fromEntries(
    Object.entries(sourceOffsets).map(([sourceId, { offsets }]) => [
      sourceId,
      { offsets: byName(offsets) },
    ]),
  ));
}

function badData(data: Uint8Array): Refused | undefined {
  if (data.length <= checkpointBytesMax) return undefined;
  return refuse(
    Code.InvalidArgument,
    "data",
    `must have at most ${checkpointBytesMax} bytes`,
    data,
  );
}

function badSourceOffsets(
  sourceOffsets: { readonly [sourceId: string]: PartitionOffsets },
): Refused | undefined {
  let count = 0;
  for (const [sourceId, { offsets }] of Object.entries(sourceOffsets)) {
    const bad = badId("source_offsets", sourceId);
    if (bad) return bad;
    count += 1 + Object.keys(offsets).length;
  }
  if (count <= checkpointOffsetsMax) return undefined;
  return refuse(
    Code.InvalidArgument,
    "source_offsets",
    `must have at most ${checkpointOffsetsMax} positions`,
    `${count} positions`,
  );
}
