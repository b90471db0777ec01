/**
 * Raising many offsets by one command: the whole command is refused when it is malformed or there is
 * no room; else each offset is raised, or named as lower or fenced.
 */
import { Code } from "../errors.ts";
import { partitionOffsetsMax } from "../limits.ts";
import type { SourceOffsets } from "../../proto/messages/state.ts";
import type { OffsetTables } from "./offset_tables.ts";
import { badId, noRoomFor, refuse } from "./rules.ts";
import type { Refused } from "./types.ts";

/** What one command does to the offsets. */
export interface RaiseRequest {
  readonly tables: OffsetTables;
  readonly sources: readonly SourceOffsets[];
  readonly atMs: number;
  /** Under which key a source's offsets are kept. */
  keyOf(sourceId: string): string;
  /** Whether a partition's offset may be raised by this command. */
  mayRaise(source: SourceOffsets, partition: number): boolean;
  /** Told once for each source of which offsets were raised. */
  raised(sourceId: string, partitions: readonly number[]): void;
}

/** Positions in the command, counted over all its sources, of offsets that were not raised. */
export interface RaiseResult {
  readonly lower: number[];
  readonly fenced: number[];
}

/** Why a command is refused as a whole; undefined: it is not. */
export function badOffsets(
  { tables, sources, keyOf }: RaiseRequest,
): Refused | undefined {
  let more = 0;
  for (const source of sources) {
    const bad = badId("source_id", source.sourceId) ?? badColumns(source);
    if (bad) return bad;
    more += source.partitions.length;
  }
  if (tables.size + more <= partitionOffsetsMax) return undefined;
  // Looking for each partition costs as much again, so it is done only when the bound is near.
  more = 0;
  for (const { sourceId, partitions } of sources) {
    more += tables.missing(keyOf(sourceId), partitions);
  }
  return tables.size + more > partitionOffsetsMax
    ? noRoomFor("partition", "partitions", partitionOffsetsMax)
    : undefined;
}

/** Raises what may be raised. */
export function raiseOffsets(request: RaiseRequest): RaiseResult {
  const { tables, sources, atMs } = request;
  const lower: number[] = [];
  const fenced: number[] = [];
  let position = 0;
  for (const source of sources) {
    const { sourceId, partitions, offsets } = source;
    const key = request.keyOf(sourceId);
    const raised: number[] = [];
    for (let i = 0; i < partitions.length; i++, position++) {
      const partition = partitions[i]!;
      if (!request.mayRaise(source, partition)) {
        fenced.push(position);
        continue;
      }
      const result = tables.raise(key, partition, offsets[i]!, atMs);
      if (result === "raised") raised.push(partition);
      else if (result === "lower") lower.push(position);
    }
    if (raised.length > 0) request.raised(sourceId, raised);
  }
  return { lower, fenced };
}

/** Each partition has an offset. */
function badColumns(
  { partitions, offsets }: SourceOffsets,
): Refused | undefined {
  if (partitions.length === offsets.length) return undefined;
  return refuse(
    Code.InvalidArgument,
    "offsets",
    `must have one entry for each of ${partitions.length} partitions`,
    `${offsets.length} entries`,
  );
}
