/** The refusal of a node that does not lead: it names the one that does, so that callers can follow. */
import { Code, ConveyorError } from "../errors.ts";
import { leaderKey } from "../metadata_keys.ts";
import type { Member } from "./members.ts";

/** The error of a request that only a leader can take. */
export function notLeader(leader: Member | undefined): ConveyorError {
  const reason = leader === undefined
    ? "no leader is known here"
    : `node ${leader.id} at ${leader.address} leads`;
  return new ConveyorError(
    Code.Unavailable,
    `Cannot take the request: ${reason}`,
    leader === undefined
      ? {}
      : { metadata: { [leaderKey]: [`${leader.id} ${leader.address}`] } },
  );
}
