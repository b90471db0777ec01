/**
 * What a message promises about its sender's disk, held against that disk at the moment when it leaves:
 * a vote, asked for or given, rests on a durable term and vote, an ack on durable entries. A crash that
 * would show it is not needed.
 */
import type { Message, StorageView } from "../../lib/raft/types.ts";

/** What is promised and not kept; undefined when all is. */
export function brokenPromise(
  view: StorageView,
  message: Message,
): string | undefined {
  const { type, from, to, term, index, reject } = message;
  switch (type) {
    case "MsgVote":
      return holdsVote(view, term, from)
        ? undefined
        : `node ${from} asks for votes of term ${term} and has not that term, or its own vote, on disk`;
    case "MsgVoteResp":
      return reject || holdsVote(view, term, to)
        ? undefined
        : `node ${from} gives node ${to} its vote of term ${term}, and has not that on disk`;
    case "MsgAppResp": {
      const durable = view.initialState().hardState.term;
      if (durable < term) {
        return `node ${from} acknowledges in term ${term}, and has not that on disk`;
      }
      // In a later term what was acknowledged may be replaced.
      return reject || durable > term || index <= view.lastIndex()
        ? undefined
        : `node ${from} acknowledges entry ${index}, and its log on disk ends at ${view.lastIndex()}`;
    }
    default:
      return undefined;
  }
}

/** Whether the disk will not forget a vote: it holds that, or a later term in which it cannot matter. */
function holdsVote(view: StorageView, term: number, vote: number): boolean {
  const { hardState } = view.initialState();
  return hardState.term > term ||
    hardState.term === term && hardState.vote === vote;
}
