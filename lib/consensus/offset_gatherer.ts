/**
 * Gathers offset commits into few commands: those that come while a command is under way go with the
 * next one, so that the log grows with the time that commits take and not with their number. Each
 * caller is told what became of its own offset.
 */
import { asConveyorError, Code, ConveyorError } from "../errors.ts";
import { offsetCommitsPerCommand, offsetCommitsWaitingMax } from "../limits.ts";
import type { ReplicatedState } from "./replicated_state.ts";
import { within } from "./within.ts";

/** An offset of one partition, of which its caller wants to know whether it stands. */
export interface OffsetCommit {
  readonly sourceId: string;
  readonly partition: number;
  readonly offset: bigint;
}

interface Waiting extends OffsetCommit {
  readonly resolve: (stands: boolean) => void;
  readonly reject: (reason: Error) => void;
}

/** The commits of one node's callers. */
export class OffsetGatherer {
  readonly #replicated: ReplicatedState;
  #waiting: Waiting[] = [];
  #proposing = false;

  constructor(replicated: ReplicatedState) {
    this.#replicated = replicated;
  }

  /** Commits an offset; whether it is the committed one now: false where a higher one was. */
  async commit(commit: OffsetCommit, signal: AbortSignal): Promise<boolean> {
    if (this.#waiting.length >= offsetCommitsWaitingMax) {
      throw new ConveyorError(
        Code.ResourceExhausted,
        `Cannot commit an offset of source "${commit.sourceId}": ${offsetCommitsWaitingMax} wait on this node already`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#waiting.push({ ...commit, resolve, reject });
    if (!this.#proposing) void this.#proposeAll();
    return await within(promise, signal);
  }

  async #proposeAll(): Promise<void> {
    this.#proposing = true;
    while (this.#waiting.length > 0) {
      const commits = this.#waiting.splice(0, offsetCommitsPerCommand);
      await this.#propose(commits);
    }
    this.#proposing = false;
  }

  /** Has the offsets committed; what is wrong with one of them must not hit the others. */
  async #propose(commits: readonly Waiting[]): Promise<void> {
    try {
      await this.#proposeTogether(commits);
    } catch (thrown) {
      const error = asConveyorError(thrown);
      const refused = error.code === Code.InvalidArgument ||
        error.code === Code.ResourceExhausted;
      if (!refused || commits.length === 1) {
        for (const { reject } of commits) reject(error);
        return;
      }
      const half = commits.length >> 1;
      await this.#propose(commits.slice(0, half));
      await this.#propose(commits.slice(half));
    }
  }

  async #proposeTogether(commits: readonly Waiting[]): Promise<void> {
    const bySource = Map.groupBy(commits, ({ sourceId }) => sourceId);
    const sources = [...bySource].map(([sourceId, own]) => ({
      sourceId,
      partitions: own.map(({ partition }) => partition),
      offsets: own.map(({ offset }) => offset),
    }));
    const { offsets } = await this.#replicated.change("commit offsets", {
      commitOffsets: { sources },
    });
    const lower = new Set(offsets?.lower);
    // The answer counts positions over all sources, in the order of the command.
    [...bySource.values()].flat().forEach(({ resolve }, position) =>
      resolve(!lower.has(position))
    );
  }
}
