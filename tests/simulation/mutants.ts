/**
 * Bugs to be planted, each of a kind that real Raft implementations have had, as changes to the source:
 * the simulation must catch every one, or it says little. A change names a text that stands once in its
 * file; mutants_test.ts sees that it still does.
 */

/** One text in one file, and what stands there instead. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  /** What the mutant does wrong, as a sentence about it. */
  readonly name: string;
  readonly edits: readonly Edit[];
}

function mutant(name: string, file: string, from: string, to: string): Mutant {
  return { name, edits: [{ file, from, to }] };
}

const elections: readonly Mutant[] = [
  mutant(
    "forgets its vote when it steps down in its term",
    "lib/raft/core.ts",
    `    if (term !== this.#term) {
      this.#term = term;
      this.#vote = 0;
    }`,
    `    this.#term = term;
    this.#vote = 0;`,
  ),
  mutant(
    "votes for a candidate whose log is behind",
    "lib/raft/election.ts",
    "if (!free || !core.log.isUpToDate(candidate)) {",
    "if (!free) {",
  ),
  mutant(
    "takes half of the votes for a majority",
    "lib/raft/quorum.ts",
    "const needed = (voters.length >> 1) + 1;",
    "const needed = (voters.length + 1) >> 1;",
  ),
  mutant(
    "never gives a transfer of the lead up",
    "lib/raft/step.ts",
    `      core.abortTransfer();
      maybeAutoLeave(core);`,
    "      maybeAutoLeave(core);",
  ),
  mutant(
    "lets its heartbeats wait for the disk",
    "lib/consensus/driver.ts",
    "if (!this.#tickDue) return;",
    "if (!this.#tickDue || this.#writing) return;",
  ),
];

const durability: readonly Mutant[] = [
  mutant(
    "writes the vote before its term",
    "lib/consensus/driver.ts",
    "    await store.persist({ hardState, entries, snapshot: manifest });",
    `    if (hardState) {
      const before = store.view.initialState().hardState;
      await store.persist({
        hardState: { ...before, vote: hardState.vote },
        entries: [],
        snapshot: undefined,
      });
    }
    await store.persist({ hardState, entries, snapshot: manifest });`,
  ),
  mutant(
    "sends its vote before that is durable",
    "lib/raft/message.ts",
    'return message.type === "MsgVote" || answersFromDisk(message.type);',
    `return message.type === "MsgVote" ||
    answersFromDisk(message.type) && message.type !== "MsgVoteResp";`,
  ),
  mutant(
    "asks for votes before its own is durable",
    "lib/raft/message.ts",
    'return message.type === "MsgVote" || answersFromDisk(message.type);',
    "return answersFromDisk(message.type);",
  ),
  mutant(
    "acknowledges entries before they are durable",
    "lib/raft/message.ts",
    'return message.type === "MsgVote" || answersFromDisk(message.type);',
    `return message.type === "MsgVote" ||
    answersFromDisk(message.type) && message.type !== "MsgAppResp";`,
  ),
  mutant(
    "counts its own entries before they are durable",
    "lib/raft/proposal.ts",
    '  core.emit("MsgAppResp", core.id).index = log.lastIndex();',
    `  core.emit("MsgAppResp", core.id).index = log.lastIndex();
  core.tracker.get(core.id)!.maybeUpdate(log.lastIndex());`,
  ),
  {
    name: "takes a notice of its disk for that of later entries",
    edits: [
      {
        file: "lib/raft/job_queue.ts",
        from: "if (last !== undefined && term === core.term) {",
        to: "if (last !== undefined) {",
      },
      {
        file: "lib/raft/unstable.ts",
        from:
          "if (index < this.#offset || this.term(index) !== term) return false;",
        to:
          "if (index < this.#offset || this.term(index) === undefined) return false;",
      },
    ],
  },
  mutant(
    "keeps no vote on the disk",
    "lib/storage/state_record.ts",
    ".uint64(state.vote)",
    ".uint64(0)",
  ),
  mutant(
    "does not wait for the disk at all",
    "lib/storage/kv_store.ts",
    "    await log.write(job, snapshot);",
    "    log.write(job, snapshot).catch(() => {});",
  ),
  mutant(
    "writes to a disk that another process has taken over",
    "lib/storage/kv_line.ts",
    `    let atomic = this.#kv.atomic().check({
      key: this.#fence,
      versionstamp: this.#stamp,
    });`,
    "    let atomic = this.#kv.atomic();",
  ),
  mutant(
    "merges writes without what the later ones replace",
    "lib/consensus/persist_queue.ts",
    "      Math.min(entries.length, first.index - entries[0].index),",
    "      entries.length,",
  ),
];

const replication: readonly Mutant[] = [
  mutant(
    "commits entries of earlier terms by counting",
    "lib/raft/log.ts",
    "if (index <= this.#committed || this.term(index) !== term) return false;",
    "if (index <= this.#committed || this.term(index) === undefined) return false;",
  ),
  mutant(
    "lets an append that comes late cut the log",
    "lib/raft/log.ts",
    `    const at = entries.findIndex(({ index, term }) =>
      !this.matches(index, term)
    );`,
    `    const at = entries.findIndex(({ index }) => index > this.#committed);`,
  ),
  mutant(
    "tells a commit index to who may not hold its entry",
    "lib/raft/replication.ts",
    "Math.min(progress.match, core.log.committed)",
    "core.log.committed",
  ),
  mutant(
    "takes half of an even membership for a majority",
    "lib/raft/quorum.ts",
    "sorted[count - (count >> 1) - 1]!",
    "sorted[count >> 1]!",
  ),
  mutant(
    "never opens a full window again",
    "lib/raft/inflights.ts",
    "while (this.#count > 0 && this.#indexes[this.#start]! <= index) {",
    "while (this.#count > 0 && index < 0) {",
  ),
  mutant(
    "waits for ever for the answer to a lost probe",
    "lib/raft/leader.ts",
    `  progress.resume();
  if (progress.match`,
    "  if (progress.match",
  ),
];

const memberships: readonly Mutant[] = [
  mutant(
    "takes a second membership change while one is pending",
    "lib/raft/proposal.ts",
    "if (change === undefined || pendingConfIndex > core.log.applied) return false;",
    "if (change === undefined) return false;",
  ),
  mutant(
    "takes a membership change before an entry of its term is committed",
    "lib/raft/core.ts",
    "this.pendingConfIndex = this.log.lastIndex();",
    "this.pendingConfIndex = 0;",
  ),
  mutant(
    "loses the membership when the log is compacted",
    "lib/consensus/applier.ts",
    "{ index, term: view.term(index), confState: this.#confState }",
    "{ index, term: view.term(index), confState: view.initialState().confState }",
  ),
  mutant(
    "counts learners as voters",
    "lib/raft/tracker.ts",
    "    return jointCommitted(voters, votersOutgoing, reached);",
    "    return jointCommitted([...voters, ...this.#membership.learners], votersOutgoing, reached);",
  ),
  mutant(
    "commits with one half of a joint membership",
    "lib/raft/quorum.ts",
    "    : Math.min(index, majorityCommitted(outgoing, reached));",
    "    : index;",
  ),
  mutant(
    "refuses a leader that joined while it was away",
    "lib/consensus/raft_peer.ts",
    'const later = address !== "" && memberAt > this.#driver.applied;',
    "const later = false;",
  ),
];

const reads: readonly Mutant[] = [
  mutant(
    "answers reads before an entry of its term is committed",
    "lib/raft/leader.ts",
    "if (committedInTerm(core)) {",
    "if (core.term > 0) {",
  ),
  mutant(
    "answers reads without asking whether it still leads",
    "lib/raft/leader.ts",
    "id === core.id ? Infinity : reads.answeredBy(id)",
    "Infinity",
  ),
  mutant(
    "takes the answer to a question that was taken back for one to the next",
    "lib/consensus/reads.ts",
    "if (asked === undefined || !equal(context, asked.context)) return;",
    "if (asked === undefined) return;",
  ),
  mutant(
    "lets a read join a question that was asked before it",
    "lib/consensus/reads.ts",
    `  add(reader: Reader): void {
    this.#waiting.push(reader);`,
    `  add(reader: Reader): void {
    ((this.#asked?.readers ?? this.#waiting) as Reader[]).push(reader);`,
  ),
  mutant(
    "answers a read before its index is applied",
    "lib/consensus/reads.ts",
    "this.#confirmed[0] !== undefined && this.#confirmed[0].index <= index",
    "this.#confirmed[0] !== undefined",
  ),
];

const state: readonly Mutant[] = [
  mutant(
    "applies a request that was sent twice twice",
    "lib/consensus/replicated.ts",
    "if (known !== undefined) {",
    "if (known !== undefined && entry.index < 0) {",
  ),
  mutant(
    "leaves the applied requests out of its snapshots",
    "lib/consensus/replicated.ts",
    "requests: this.#requests.entries(),",
    "requests: [],",
  ),
  mutant(
    "leaves its time out of its snapshots",
    "lib/consensus/replicated.ts",
    "      atMs: this.#atMs,\n      members",
    "      atMs: 0,\n      members",
  ),
  mutant(
    "installs a snapshot and keeps its old state",
    "lib/consensus/driver.ts",
    "      install();\n",
    "",
  ),
];

/** All of them. */
export const mutants: readonly Mutant[] = [
  ...elections,
  ...durability,
  ...replication,
  ...memberships,
  ...reads,
  ...state,
];
