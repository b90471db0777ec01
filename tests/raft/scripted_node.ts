/**
 * One node as transcripts see it: a core, a disk, an appending state machine with a snapshot after
 * each entry, and, with `async-storage-writes`, a queue of work for each of the two. What the disk
 * and the state machine answer travels like a message and counts when it arrives.
 */
import { decodeConfChange } from "../../lib/raft/conf_change.ts";
import { MemoryStorage } from "../../lib/raft/memory_storage.ts";
import { answersFromDisk, isResponse } from "../../lib/raft/message.ts";
import { RaftNode } from "../../lib/raft/node.ts";
import type {
  Entry,
  Message,
  Ready,
  Refusal,
  Snapshot,
} from "../../lib/raft/types.ts";
import {
  describeEntry,
  describeHardState,
  describeMessage,
  describeSnapshot,
  describeSoftState,
  describeTransfer,
  type Transfer,
} from "./describe.ts";
import type { NodeSettings } from "./script_values.ts";

/** Something on its way to a node. */
export interface Parcel {
  readonly to: number;
  readonly type: string;
  readonly said: string;
  /** From the node itself, its disk or its state machine: never lost. */
  readonly local: boolean;
  /** Whether a refusal is an error, in the eyes of etcd's Raft. */
  readonly errorsTold: boolean;
  readonly arrive: (node: ScriptedNode) => Refusal | undefined;
}

/** A piece of work for the disk or the state machine. */
export interface Work {
  readonly said: string;
  readonly run: () => void;
  readonly responses: readonly Parcel[];
}

/** Storage that gives out the newest snapshot of the state machine. */
class ScriptedStorage extends MemoryStorage {
  readonly history: Snapshot[];

  constructor(snapshot: Snapshot) {
    super(snapshot);
    this.history = [snapshot];
  }

  override snapshot(): Snapshot {
    return this.history.at(-1)!;
  }

  dropUpTo(index: number): void {
    const held = this.history.find((snapshot) => snapshot.index === index);
    if (!held) throw new Error(`no snapshot at ${index}`);
    this.createSnapshot(index, held.confState, held.data);
    this.compact(index);
  }
}

/** A node, driven by commands. */
export class ScriptedNode {
  readonly id: number;
  readonly settings: NodeSettings;
  readonly raft: RaftNode;
  readonly storage: ScriptedStorage;
  readonly appendWork: Work[] = [];
  readonly applyWork: Work[] = [];
  /** Jobs that are written, or under way, and not yet reported; how many notices each awaits. */
  readonly #jobs: { readonly number: number; awaited: number }[] = [];

  constructor(settings: NodeSettings, snapshot: Snapshot) {
    this.id = settings.id;
    this.settings = settings;
    this.storage = new ScriptedStorage(snapshot);
    this.raft = new RaftNode({ ...settings, storage: this.storage });
  }

  /** Takes a Ready: what it says, and what goes out. */
  process(): { readonly said: string; readonly parcels: readonly Parcel[] } {
    const ready = this.raft.ready();
    const overlapping = this.settings.asyncStorageWrites;
    const messages = overlapping
      ? ready.messages.filter(({ type }) => !answersFromDisk(type))
      : ready.messages;
    const lines = messages.map(describeMessage);
    if (overlapping) {
      lines.push(...this.#queueAppend(ready), ...this.#queueApply(ready));
    } else {
      this.#write(ready);
      this.#apply(ready.committedEntries);
    }
    const parcels = messages.map(parcelOf);
    if (!overlapping) this.raft.advance(ready);
    return { said: describeReady(ready, lines), parcels };
  }

  #queueAppend(ready: Ready): string[] {
    const { job, hardState, entries, snapshot } = ready;
    const { answers, last } = ready.onDurable;
    const note = (said: string) => this.#notice(said, () => this.#noted(job));
    const responses = answers.map((answer) =>
      answer.to === this.id ? note(describeMessage(answer)) : parcelOf(answer)
    );
    if (last || snapshot) {
      responses.push(note(describeTransfer({
        ...nothing,
        type: "MsgStorageAppendResp",
        from: "AppendThread",
        to: String(this.id),
        term: this.raft.status().term,
        logTerm: last?.term ?? 0,
        index: last?.index ?? 0,
        snapshot,
      })));
    }
    const own = responses.filter(({ local }) => local).length;
    this.#jobs.push({ number: job, awaited: Math.max(1, own) });
    if (answers.length + entries.length === 0 && !hardState && !snapshot) {
      // Nothing to write: the job is done when those before it are.
      this.#noted(job);
      return [];
    }
    const said = describeTransfer({
      ...nothing,
      type: "MsgStorageAppend",
      from: String(this.id),
      to: "AppendThread",
      term: hardState?.term ?? 0,
      vote: hardState?.vote ?? 0,
      commit: hardState?.commit ?? 0,
      entries,
      snapshot,
    });
    const run = () => {
      this.#write(ready);
      if (own === 0) this.#noted(job);
    };
    this.appendWork.push({ said, run, responses });
    return [withResponses(said, responses)];
  }

  #queueApply({ committedEntries: entries }: Ready): string[] {
    const last = entries.at(-1);
    if (!last) return [];
    const said = describeTransfer({
      ...nothing,
      type: "MsgStorageApply",
      from: String(this.id),
      to: "ApplyThread",
      entries,
    });
    const answer = describeTransfer({
      ...nothing,
      type: "MsgStorageApplyResp",
      from: "ApplyThread",
      to: String(this.id),
      entries,
    });
    const responses = [
      this.#notice(answer, () => this.raft.applied(last.index)),
    ];
    this.applyWork.push({ said, run: () => this.#apply(entries), responses });
    return [withResponses(said, responses)];
  }

  /** One of the notices that job `number` waits for has come. */
  #noted(number: number): void {
    const job = this.#jobs.find((one) => one.number === number);
    if (job) job.awaited--;
    let last = 0;
    while (this.#jobs[0]?.awaited === 0) last = this.#jobs.shift()!.number;
    if (last > 0) this.raft.durable(last);
  }

  #notice(said: string, note: () => void): Parcel {
    return {
      to: this.id,
      type: said.split(" ")[1]!,
      said,
      local: true,
      errorsTold: false,
      arrive: () => note() as undefined,
    };
  }

  #write({ hardState, entries, snapshot }: Ready): void {
    if (hardState) this.storage.setHardState(hardState);
    if (snapshot) {
      this.storage.applySnapshot(snapshot);
      this.storage.history.push(snapshot);
    }
    this.storage.append(entries);
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { confState, data } = this.storage.snapshot();
      const change = decodeConfChange(entry);
      this.storage.history.push({
        index: entry.index,
        term: entry.term,
        confState: change ? this.raft.applyConfChange(change) : confState,
        data: change ? data : new Uint8Array([...data, ...entry.data]),
      });
    }
  }
}

/** A message on its way. */
export function parcelOf(message: Message): Parcel {
  const { to, from, type } = message;
  return {
    to,
    type,
    said: describeMessage(message),
    local: to === from,
    errorsTold: type === "MsgProp" || isResponse(type),
    arrive: ({ raft }) => raft.step(message),
  };
}

const nothing: Omit<Transfer, "type" | "from" | "to"> = {
  term: 0,
  logTerm: 0,
  index: 0,
  commit: 0,
  vote: 0,
  reject: false,
  rejectHint: 0,
  entries: [],
  snapshot: undefined,
};

function withResponses(said: string, responses: readonly Parcel[]): string {
  if (responses.length === 0) return said;
  const lines = responses.flatMap((one) => one.said.split("\n"));
  return [`${said} Responses:[`, ...lines.map((line) => `  ${line}`), "]"]
    .join("\n");
}

function describeReady(ready: Ready, messages: readonly string[]): string {
  const { softState, hardState, entries, snapshot, committedEntries } = ready;
  const lines: string[] = [];
  if (softState) lines.push(describeSoftState(softState));
  if (hardState) lines.push(`HardState ${describeHardState(hardState)}`);
  if (entries.length > 0) lines.push("Entries:", ...entries.map(describeEntry));
  if (snapshot) lines.push(`Snapshot ${describeSnapshot(snapshot)}`);
  if (committedEntries.length > 0) {
    lines.push("CommittedEntries:", ...committedEntries.map(describeEntry));
  }
  if (messages.length > 0) lines.push("Messages:", ...messages);
  if (lines.length === 0) return "<empty Ready>";
  return [`Ready MustSync=${ready.mustSync}:`, ...lines, ""].join("\n");
}
