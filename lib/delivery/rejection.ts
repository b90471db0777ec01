/**
 * Why a record is not taken. A rejected record is not lost: its source still has it, and may send it
 * again. The reasons are numbers, so that a batch keeps one byte a record.
 */

/** A reason. */
export enum Rejection {
  /** Not rejected. */
  None = 0,
  /** The record has no source_id. */
  NoIdentity = 1,
  /** No enabled pipeline takes the source. */
  NoPipeline = 2,
  /** The source sent more records than it had credit for. */
  NoCredit = 3,
  /** The source, or all sources together, have as many records or bytes under way as they may. */
  NoRoom = 4,
  /** Its pipeline was removed, or updated so that it takes no more of the source, before the record was settled. */
  PipelineRemoved = 5,
  /** More partitions are active than are kept. */
  TooManyPartitions = 6,
  /** Its batch has more bytes than the router may hold at all. */
  TooLarge = 7,
  /** A source that is pulled from has sent a record of another one. */
  ForeignSource = 8,
}

const sentences: Readonly<Record<Rejection, string>> = {
  [Rejection.None]: "",
  [Rejection.NoIdentity]: "id.source_id must be a non-empty string",
  [Rejection.NoPipeline]:
    "no enabled pipeline takes records of this source: create one whose source stage names it",
  [Rejection.NoCredit]:
    "the source sent more records than it had credit for: wait for credit and send it again",
  [Rejection.NoRoom]:
    "the router holds as many records of the source as it may: wait for acks and send it again",
  [Rejection.PipelineRemoved]:
    "its pipeline was removed, or takes its source no more, before the record was settled: send it again if it is still wanted",
  [Rejection.TooManyPartitions]:
    "the router knows as many active partitions as it may: send it again later",
  [Rejection.TooLarge]:
    "its batch is larger than all that the router may hold: send smaller batches",
  [Rejection.ForeignSource]:
    "id.source_id must be the source_id that was asked for",
};

/** What the source is told in RecordAck.error_message. */
export function rejectionMessage(reason: Rejection): string {
  return sentences[reason];
}
