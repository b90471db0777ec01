/** What the core would not take, as the error that the caller gets. */
import { Code, ConveyorError } from "../errors.ts";
import { uncommittedBytesMax } from "../limits.ts";
import type { Refusal } from "../raft/types.ts";

/** The error for a request that the core refused: nothing of it was taken. */
export function refusalError(refusal: Refusal): ConveyorError {
  const [code, reason] = reasons[refusal];
  return new ConveyorError(code, `Cannot take the request: ${reason}`);
}

const reasons: { readonly [refusal in Refusal]: readonly [Code, string] } = {
  noLeader: [Code.Unavailable, "no leader is known here"],
  notMember: [Code.Unavailable, "this node is no member any more"],
  transferring: [Code.Unavailable, "the lead is being handed over"],
  uncommittedFull: [
    Code.ResourceExhausted,
    `over ${uncommittedBytesMax} bytes wait to be applied`,
  ],
  confChangeRefused: [
    Code.FailedPrecondition,
    "another membership change is under way, or this one does not fit the members",
  ],
  unknownPeer: [Code.NotFound, "the node is no member"],
  cannotCampaign: [Code.FailedPrecondition, "the node may not lead now"],
  tooManyReads: [Code.ResourceExhausted, "too many reads wait to be confirmed"],
  malformed: [Code.Internal, "the core found it malformed"],
};
