/**
 * Raft's values in the words of etcd's transcripts, letter by letter, so that a transcript written
 * for one can be held against the other.
 */
import { asV2, decodeConfChange } from "../../lib/raft/conf_change.ts";
import type {
  ConfState,
  Entry,
  HardState,
  Message,
  PeerStatus,
  Role,
  Snapshot,
  SoftState,
} from "../../lib/raft/types.ts";
import { text } from "../fixtures/raft_network.ts";

export const roleNames: Readonly<Record<Role, string>> = {
  follower: "StateFollower",
  preCandidate: "StatePreCandidate",
  candidate: "StateCandidate",
  leader: "StateLeader",
};
const entryTypes = {
  normal: "EntryNormal",
  confChange: "EntryConfChange",
  confChangeV2: "EntryConfChangeV2",
};
const progressStates = {
  probe: "StateProbe",
  replicate: "StateReplicate",
  snapshot: "StateSnapshot",
};
const changeSigns = {
  addNode: "v",
  addLearner: "l",
  removeNode: "r",
  updateNode: "u",
};

/** `Lead:1 State:StateLeader` */
export function describeSoftState({ lead, role }: SoftState): string {
  return `Lead:${lead} State:${roleNames[role]}`;
}

/** `Term:1 Vote:1 Commit:10` */
export function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === 0 ? "" : ` Vote:${vote}`} Commit:${commit}`;
}

/** `Index:10 Term:1 ConfState:Voters:[1 2 3] ...` */
export function describeSnapshot(snapshot: Snapshot): string {
  const { index, term, confState } = snapshot;
  return `Index:${index} Term:${term} ConfState:${describeMembers(confState)}`;
}

function describeMembers(members: ConfState): string {
  const ids = (some: readonly number[]) => `[${some.join(" ")}]`;
  return `Voters:${ids(members.voters)} ` +
    `VotersOutgoing:${ids(members.votersOutgoing)} ` +
    `Learners:${ids(members.learners)} ` +
    `LearnersNext:${ids(members.learnersNext)} ` +
    `AutoLeave:${members.autoLeave}`;
}

/** `1/11 EntryNormal "foo"` */
export function describeEntry(entry: Entry): string {
  const change = decodeConfChange(entry);
  const said = change
    ? asV2(change).changes.map(({ type, nodeId }) =>
      `${changeSigns[type]}${nodeId}`
    ).join(" ")
    : JSON.stringify(text(entry.data));
  const head = `${entry.term}/${entry.index} ${entryTypes[entry.type]}`;
  return said === "" ? head : `${head} ${said}`;
}

/** `2: StateReplicate match=11 next=12` */
export function describePeer(peer: PeerStatus): string {
  const parts = [
    `${peer.id}: ${progressStates[peer.state]}`,
    `match=${peer.match}`,
    `next=${peer.next}`,
  ];
  if (peer.learner) parts.push("learner");
  if (peer.paused) parts.push("paused");
  if (peer.pendingSnapshot > 0) {
    parts.push(`pendingSnap=${peer.pendingSnapshot}`);
  }
  if (!peer.recentActive) parts.push("inactive");
  if (peer.inflight > 0) {
    parts.push(`inflight=${peer.inflight}${peer.inflightFull ? "[full]" : ""}`);
  }
  return parts.join(" ");
}

/** `1->2 MsgApp Term:1 Log:1/10 Commit:10 Entries:[...]`; several lines for several entries. */
export function describeMessage(message: Message): string {
  return describeTransfer({
    ...message,
    from: String(message.from),
    to: String(message.to),
    vote: 0,
  });
}

/** What a message and a note to or from the disk or the state machine have in common. */
export interface Transfer {
  readonly type: string;
  readonly from: string;
  readonly to: string;
  readonly term: number;
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  readonly vote: number;
  readonly reject: boolean;
  readonly rejectHint: number;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
}

/** The lines of a transfer, joined. */
export function describeTransfer(one: Transfer): string {
  const head = [
    `${one.from}->${one.to} ${one.type} Term:${one.term}`,
    `Log:${one.logTerm}/${one.index}`,
  ];
  if (one.reject) head.push(`Rejected (Hint: ${one.rejectHint})`);
  if (one.commit !== 0) head.push(`Commit:${one.commit}`);
  if (one.vote !== 0) head.push(`Vote:${one.vote}`);
  const entries = one.entries.map(describeEntry);
  if (entries.length === 1) head.push(`Entries:[${entries[0]}]`);
  if (entries.length > 1) {
    head.push(["Entries:[", ...entries.map((said) => `  ${said}`), "]"]
      .join("\n"));
  }
  const said = head.join(" ");
  return one.snapshot
    ? `${said}\n  Snapshot: ${describeSnapshot(one.snapshot)}`
    : said;
}
