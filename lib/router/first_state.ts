/**
 * What a node that was never set up starts from: as one of the first members of a new cluster, or as
 * a node that joins one.
 */
import type { Member } from "../consensus/members.ts";
import { Replicated } from "../consensus/replicated.ts";
import { State } from "../state/state.ts";
import type { FirstSnapshot } from "../storage/store.ts";
import type { FirstMember } from "./first_members.ts";

/**
 * The name of a new cluster: made from its first members, so that each of them finds the same one and
 * two clusters never take each other's nodes for their own; drawn for a node that is alone.
 */
export async function newClusterId(
  members: readonly FirstMember[],
): Promise<string> {
  if (members.length === 1) return crypto.randomUUID();
  const names = members.map(({ id, address }) => `${id}=${address}`).join();
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(names),
  );
  return new Uint8Array(digest).toHex().slice(0, 16);
}

/** The members that begin a cluster, as the state knows them. */
export function membersOf(members: readonly FirstMember[]): Member[] {
  return members.map((member) => ({ ...member, removed: false }));
}

/** The snapshot that every first member begins with. */
export function firstState(members: readonly FirstMember[]): FirstSnapshot {
  return {
    confState: {
      voters: members.map(({ id }) => id),
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    },
    chunks: new Replicated(new State(), membersOf(members)).snapshot(),
  };
}
