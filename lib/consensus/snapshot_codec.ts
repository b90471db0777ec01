/**
 * Snapshots of the Raft core, without their chunks, as the bytes of `conveyor.cluster.RaftSnapshot`,
 * and back. They are rare, so the codec of the schema does it.
 */
import { invalidArgument } from "../errors.ts";
import type { ConfState, Snapshot } from "../raft/types.ts";
import { type Codec, codecOf } from "../../proto/codec.ts";
import type {
  RaftMembership,
  RaftSnapshot,
} from "../../proto/messages/cluster.ts";
import { schema } from "../../proto/schema.ts";
import { exactNumber } from "./exact_number.ts";

const codec: Codec<RaftSnapshot> = codecOf(
  schema.lookupType("conveyor.cluster.RaftSnapshot"),
);

/** `snapshot` as bytes. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const { confState } = snapshot;
  return codec.encode({
    index: BigInt(snapshot.index),
    term: BigInt(snapshot.term),
    membership: {
      voters: confState.voters.map(BigInt),
      votersOutgoing: confState.votersOutgoing.map(BigInt),
      learners: confState.learners.map(BigInt),
      learnersNext: confState.learnersNext.map(BigInt),
      autoLeave: confState.autoLeave,
    },
    data: snapshot.data,
  });
}

/** The snapshot in `bytes`. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const { index, term, membership, data } = codec.decode(bytes);
  if (!membership) {
    throw invalidArgument("snapshot.membership", "must be set", membership);
  }
  return {
    index: exactNumber("snapshot.index", index),
    term: exactNumber("snapshot.term", term),
    confState: confStateOf(membership),
    data,
  };
}

function confStateOf(membership: RaftMembership): ConfState {
  const ids = (list: readonly bigint[]): number[] =>
    list.map((id) => exactNumber("snapshot.membership", id));
  return {
    voters: ids(membership.voters),
    votersOutgoing: ids(membership.votersOutgoing),
    learners: ids(membership.learners),
    learnersNext: ids(membership.learnersNext),
    autoLeave: membership.autoLeave,
  };
}
