/**
 * The rule that keeps a membership change from costing the cluster its majority: of the voters that
 * there would be, a majority must have answered the leader lately. Raft is safe without it, and takes
 * any change; but a cluster that cannot decide any more cannot undo the change either. That is why it
 * stands where an operator's request is decided, and not in the core.
 */
import { Code, ConveyorError } from "../errors.ts";
import { nextMembership } from "../raft/membership.ts";
import type { ConfChangeSingle, Status } from "../raft/types.ts";

/**
 * Why `change` may not be made now, by what the leader knows in `status`. One that takes nothing away
 * from those who answer is never refused: to let a dead node go is the way back to health.
 */
export function quorumRefusal(
  status: Status,
  change: ConfChangeSingle,
): ConveyorError | undefined {
  const next = nextMembership(status, {
    version: 2,
    transition: "auto",
    changes: [change],
    context: new Uint8Array(0),
  });
  if ("rule" in next) {
    const isLast = change.type === "removeNode" &&
      status.voters.every((id) => id === change.nodeId);
    // What else does not fit, the core refuses.
    return isLast ? needed(change, onlyVoter) : undefined;
  }
  const { voters } = next;
  const spare = spareVoters(status, voters);
  if (spare >= 0 || spare >= spareVoters(status, status.voters)) {
    return undefined;
  }
  const silent = voters.filter((id) => !answers(status, id));
  const one = silent.length === 1 ? "it" : "one";
  return needed(
    change,
    `a majority of ${
      nodes(voters)
    }, the voters that would be left, must answer, and ${
      nodes(silent)
    } did not lately; bring ${one} back, or remove ${one} first`,
  );
}

const onlyVoter =
  "it is the only voter; let another node join and get its vote first";

/** How many of those that answer are more than a majority of `voters`; negative where they are none. */
function spareVoters(status: Status, voters: readonly number[]): number {
  const answering = voters.filter((id) => answers(status, id)).length;
  return answering - (Math.floor(voters.length / 2) + 1);
}

function answers({ id: own, peers }: Status, id: number): boolean {
  return id === own ||
    peers.some((peer) => peer.id === id && peer.recentActive);
}

function needed({ nodeId }: ConfChangeSingle, reason: string): ConveyorError {
  return new ConveyorError(
    Code.FailedPrecondition,
    `Cannot remove node ${nodeId}: ${reason}`,
  );
}

function nodes(ids: readonly number[]): string {
  return `${ids.length === 1 ? "node" : "nodes"} ${ids.join(", ")}`;
}
