/**
 * How the pulling of a source is shared between the nodes of the router. A source that says how many
 * partitions it has, by a label, is pulled partition by partition, each by the node that owns it; any
 * other is pulled as a whole by the owner of its partition 0. Every node reads the same from the same
 * state, so each partition is pulled by one node.
 */
import { Code } from "../errors.ts";
import { pullPartitionsMax } from "../limits.ts";
import type { ServiceMetadata } from "../../proto/messages/registry.ts";
import type { NodesView } from "./nodes.ts";
import { refuse } from "./rules.ts";
import type { Refused, RegisteredService } from "./types.ts";

/** Label of a source: how many partitions it has, if each may be pulled by another node. */
export const partitionsLabel = "conveyor/partitions";

/** A part of a source, pulled by one node. */
export interface PullShare {
  readonly source: RegisteredService;
  /** Undefined: all partitions of the source. */
  readonly partition: number | undefined;
  /** In how many shares the source is pulled. */
  readonly of: number;
}

/** The shares of `sources` that a node owns. */
export function ownedShares(
  sources: readonly RegisteredService[],
  nodes: NodesView,
  nodeId: number,
): PullShare[] {
  return sources.flatMap((source) => {
    const of = sharesOf(source);
    return Array.from({ length: of }, (_, partition) => partition)
      .filter((partition) =>
        nodes.pullOwner(source.identity.serviceId, partition)?.nodeId ===
          nodeId
      )
      .map((partition) => ({
        source,
        partition: isDivided(source) ? partition : undefined,
        of,
      }));
  });
}

/** The partition whose owner pulls a partition of a source: its own, where the source is not known. */
export function shareOf(
  source: RegisteredService | undefined,
  partition: number,
): number {
  return source === undefined ? partition : partition % sharesOf(source);
}

/** Refuses a number of partitions that nodes cannot share. */
export function badPullShares(
  metadata: ServiceMetadata | undefined,
): Refused | undefined {
  const text = metadata?.labels[partitionsLabel];
  if (text === undefined || partitionsIn(text) !== undefined) return undefined;
  return refuse(
    Code.InvalidArgument,
    `metadata.labels["${partitionsLabel}"]`,
    `must be a whole number from 1 to ${pullPartitionsMax}`,
    text,
  );
}

function isDivided({ metadata }: RegisteredService): boolean {
  return metadata.labels[partitionsLabel] !== undefined;
}

function sharesOf({ metadata }: RegisteredService): number {
  return partitionsIn(metadata.labels[partitionsLabel] ?? "1") ?? 1;
}

function partitionsIn(text: string): number | undefined {
  const count = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= pullPartitionsMax ? count : undefined;
}
