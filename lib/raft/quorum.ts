/**
 * What a majority agrees on, for one set of voters and for two at once. Joint decisions need both
 * majorities; an empty set agrees with everything, so that a membership that is not joint is a
 * joint one with an empty outgoing half.
 */

export type VoteResult = "pending" | "won" | "lost";

/** The highest index that both majorities have reached. */
export function jointCommitted(
  incoming: readonly number[],
  outgoing: readonly number[],
  reached: (id: number) => number,
): number {
  const index = majorityCommitted(incoming, reached);
  return outgoing.length === 0
    ? index
    : Math.min(index, majorityCommitted(outgoing, reached));
}

/** The highest index that a majority has reached; Infinity without voters. */
export function majorityCommitted(
  voters: readonly number[],
  reached: (id: number) => number,
): number {
  const count = voters.length;
  if (count === 0) return Infinity;
  const sorted: number[] = [];
  for (let at = 0; at < count; at++) {
    const index = reached(voters[at]!);
    let place = at;
    while (place > 0 && sorted[place - 1]! > index) {
      sorted[place] = sorted[place - 1]!;
      place--;
    }
    sorted[place] = index;
  }
  // Ascending: all from this place on have reached what stands here, and they are a majority.
  return sorted[count - (count >> 1) - 1]!;
}

/** The outcome of a poll in which both majorities must agree. */
export function jointVote(
  incoming: readonly number[],
  outgoing: readonly number[],
  votes: ReadonlyMap<number, boolean>,
): VoteResult {
  const one = majorityVote(incoming, votes);
  const other = majorityVote(outgoing, votes);
  if (one === other) return one;
  return one === "lost" || other === "lost" ? "lost" : "pending";
}

/** The outcome of a poll: won or lost as soon as the missing votes cannot change it. */
export function majorityVote(
  voters: readonly number[],
  votes: ReadonlyMap<number, boolean>,
): VoteResult {
  if (voters.length === 0) return "won";
  let yes = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) yes++;
  }
  const needed = (voters.length >> 1) + 1;
  if (yes >= needed) return "won";
  return yes + missing >= needed ? "pending" : "lost";
}
