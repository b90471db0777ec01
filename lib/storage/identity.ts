/**
 * Whose store it is. A store is opened under a cluster and a node number, and refuses any other: a
 * node that came up on the disk of another one would break promises that the other one gave.
 */
import { integerOption, requiredString } from "../options.ts";
import { openRecord, readInteger, recordKind, seal, unseal } from "./record.ts";
import { StorageError } from "./storage_error.ts";
import type { NodeIdentity } from "./store.ts";

/** Layout of the whole store; raised when an older version could not read it. */
export const storeFormat = 2;

/** The identity, checked as an option. */
export function resolveIdentity(identity: NodeIdentity): NodeIdentity {
  const { clusterId, nodeId } = identity;
  return {
    clusterId: requiredString("clusterId", clusterId),
    nodeId: integerOption("nodeId", nodeId, 0, 1),
  };
}

/** Refuses a store at `place` that belongs to another node. */
export function checkOwner(
  place: string,
  owner: NodeIdentity,
  identity: NodeIdentity,
): void {
  if (
    owner.clusterId === identity.clusterId && owner.nodeId === identity.nodeId
  ) return;
  throw new StorageError(
    "otherNode",
    `Cannot use ${place} for ${shown(identity)}: it belongs to ${
      shown(owner)
    }; start with that cluster and node id, or with an empty data directory`,
  );
}

/** What stands in the store about its owner. */
export interface IdentityRecord extends NodeIdentity {
  readonly format: number;
  /** How often the store was opened. */
  readonly incarnation: number;
  /** Drawn when the store was set up; empty where an earlier version did that. */
  readonly storeId: string;
}

export function encodeIdentity(record: IdentityRecord): Uint8Array {
  return seal(
    openRecord(recordKind.identity)
      .uint64(record.format)
      .uint64(record.incarnation)
      .uint64(record.nodeId)
      .string(record.clusterId)
      .string(record.storeId),
  );
}

/** Refuses a newer format before it reads anything whose meaning may have changed. */
export function decodeIdentity(
  place: string,
  sealed: Uint8Array,
): IdentityRecord {
  return unseal(recordKind.identity, sealed, (body) => {
    const format = readInteger(body);
    if (format > storeFormat) {
      throw new StorageError(
        "newerFormat",
        `Cannot use ${place}: a newer version wrote it, in format ${format}, and this one knows up to ${storeFormat}; start that version again`,
      );
    }
    return {
      format,
      incarnation: readInteger(body),
      nodeId: readInteger(body),
      clusterId: body.string(),
      storeId: format < 2 ? "" : body.string(),
    };
  });
}

function shown({ clusterId, nodeId }: NodeIdentity): string {
  return `node ${nodeId} of cluster ${JSON.stringify(clusterId)}`;
}
