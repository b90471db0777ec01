/**
 * All that is replicated: the state machine, and what consensus keeps beside it in the same log: the
 * members' addresses and the requests applied lately, so that a command which was sent twice is
 * applied once. The time that the machine sees never falls, whatever the leaders' clocks do.
 */
import { Code, ConveyorError } from "../errors.ts";
import type { ConfChange, Entry } from "../raft/types.ts";
import { decodeConfChange } from "../raft/conf_change.ts";
import { decodeEnvelope, requestKey } from "./envelope.ts";
import { decodeMembershipContext } from "./membership_context.ts";
import { type Member, Members } from "./members.ts";
import { decodeHead, encodeHead } from "./replicated_head.ts";
import { RequestTable } from "./request_table.ts";
import { frames, unframed } from "./snapshot_frames.ts";
import type { StateMachine } from "./state_machine.ts";

/** What applying an entry did. */
export type EntryApplied<Event> =
  | {
    readonly kind: "command";
    readonly request: string;
    readonly answer: Uint8Array;
    readonly events: readonly Event[];
    /** Whether the machine's state is another one now. */
    readonly replaced: boolean;
  }
  | {
    readonly kind: "membership";
    readonly request: string | undefined;
    readonly change: ConfChange;
  }
  | { readonly kind: "nothing" }
  /** A later version wrote the entry: to go on would be to hold another state than the others. */
  | { readonly kind: "unreadable"; readonly error: ConveyorError };

const nothing = { kind: "nothing" } as const;

/** The replicated state of one node. */
export class Replicated<Event> {
  readonly #machine: StateMachine<Event>;
  #members: Members;
  #requests = new RequestTable();
  #atMs = 0;

  /** Starts empty, with the members that a new group begins with. */
  constructor(machine: StateMachine<Event>, members: readonly Member[] = []) {
    this.#machine = machine;
    this.#members = new Members(members);
  }

  get members(): Members {
    return this.#members;
  }

  /** The time of the last command that was applied. */
  get atMs(): number {
    return this.#atMs;
  }

  /** What an applied request was answered. */
  answerTo(request: string): Uint8Array | undefined {
    return this.#requests.get(request);
  }

  /** Applies the next committed entry. */
  apply(entry: Entry): EntryApplied<Event> {
    const change = decodeConfChange(entry);
    if (change !== undefined) return this.#applyChange(change);
    if (entry.type !== "normal" || entry.data.length === 0) return nothing;
    const envelope = decodeEnvelope(entry.data);
    if (envelope === undefined) {
      return { kind: "unreadable", error: unreadable(entry) };
    }
    const request = requestKey(envelope.requestId);
    const known = this.#requests.get(request);
    if (known !== undefined) {
      return {
        kind: "command",
        request,
        answer: known,
        events: [],
        replaced: false,
      };
    }
    this.#atMs = Math.max(this.#atMs, envelope.atMs);
    const { answer, events, replaced = false } = this.#machine.apply(
      envelope.command,
      { index: entry.index, atMs: this.#atMs },
    );
    this.#requests.set(request, answer);
    return { kind: "command", request, answer, events, replaced };
  }

  /** The state as it is now, as a stream of frames that may be drawn later. */
  snapshot(): Iterable<Uint8Array> {
    // Only copied here: to encode it all would keep heartbeats waiting for a tenth of a second.
    const head = encodeHead({
      atMs: this.#atMs,
      members: this.#members.list(),
      requests: this.#requests.entries(),
    });
    const machine = this.#machine.snapshot();
    return frames((function* (): Generator<Uint8Array, void, void> {
      yield* head;
      yield* machine;
    })());
  }

  /**
   * Makes a state of `pieces` as they come, and resolves with what puts it in the place of the present
   * one. A damaged one is refused by either, and changes nothing.
   */
  async restoring(pieces: AsyncIterable<Uint8Array>): Promise<() => void> {
    const chunks = unframed(pieces);
    const { atMs, members, requests } = await decodeHead(chunks);
    const restoration = this.#machine.restoring();
    for await (const chunk of chunks) restoration.push(chunk);
    return () => {
      restoration.finish();
      this.#atMs = atMs;
      this.#members = new Members(members);
      this.#requests = new RequestTable();
      for (const [key, answer] of requests) this.#requests.set(key, answer);
    };
  }

  #applyChange(change: ConfChange): EntryApplied<Event> {
    const context = decodeMembershipContext(change.context);
    this.#members.apply(change, context?.address ?? "");
    return {
      kind: "membership",
      request: context && requestKey(context.requestId),
      change,
    };
  }
}

function unreadable(entry: Entry): ConveyorError {
  return new ConveyorError(
    Code.FailedPrecondition,
    `Cannot apply entry ${entry.index}: a later version of the router wrote it; start the version that the other nodes run`,
  );
}
