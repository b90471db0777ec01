/**
 * Appends without entries, which only tell followers how far the log is committed, are held back for
 * a moment: mostly the next append says it too, and a message to each follower, its answer and the
 * waking of both are spared for every write. Reads do not wait for them, as the heartbeats of a read
 * tell the commit index too. Losing one is no harm, for Raft bears the loss of any message.
 */
import { commitNoticeMs } from "../limits.ts";
import type { Message } from "../raft/types.ts";
import type { Scheduler } from "../scheduler.ts";

/** The notices of one node, on their way. */
export class CommitNotices {
  readonly #scheduler: Scheduler;
  readonly #send: (messages: readonly Message[]) => void;
  /** The latest for each peer. */
  readonly #held = new Map<number, Message>();
  #cancel: (() => void) | undefined;

  /** `send` takes what was held back. */
  constructor(
    scheduler: Scheduler,
    send: (messages: readonly Message[]) => void,
  ) {
    this.#scheduler = scheduler;
    this.#send = send;
  }

  /** What of `messages` is to be sent now, in order. */
  withhold(messages: readonly Message[]): readonly Message[] {
    const now: Message[] = [];
    for (const message of messages) {
      if (message.type !== "MsgApp") now.push(message);
      else if (message.entries.length > 0) {
        // It tells a commit index that is no earlier.
        this.#held.delete(message.to);
        now.push(message);
      } else {
        this.#held.set(message.to, message);
        this.#cancel ??= this.#scheduler.after(
          commitNoticeMs,
          () => this.flush(),
        );
      }
    }
    return now;
  }

  /** Sends what is held back. */
  flush(): void {
    const held = [...this.#held.values()];
    this.close();
    if (held.length > 0) this.#send(held);
  }

  /** Drops what is held back. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#held.clear();
  }
}
