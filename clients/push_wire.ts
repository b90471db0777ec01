/**
 * What a stream of pushes says, whichever service it is of: routers and sidecars take records with other
 * messages, and mean the same by them.
 */
import type { MessageInit } from "../proto/codec.ts";
import type { RecordId } from "../proto/messages/common.ts";
import type { AckStatus } from "../proto/messages/source.ts";
import type { PushBatch } from "./push_ledger.ts";
import type { Transport } from "./transport.ts";

/** What became of one record. */
export interface PushAck {
  readonly recordId?: MessageInit<RecordId> | undefined;
  /** `again`: it was not taken now, and is to be sent again after a pause. */
  readonly status: AckStatus | "again";
  /** Why it was not accepted; else empty. */
  readonly errorMessage: string;
}

/** Room for records; `expiresAtMs` of 0 never lapses. */
export interface PushCredit {
  readonly credits: bigint;
  readonly expiresAtMs: bigint;
}

/** What comes back on the stream. */
export type PushAnswer =
  | {
    readonly kind: "acks";
    readonly batchId: string;
    readonly acks: readonly PushAck[];
  }
  | ({ readonly kind: "credit" } & PushCredit)
  | {
    readonly kind: "pressure";
    /** Time to send nothing in, in ms; Infinity: until the next such answer. */
    readonly pauseMs: number;
    /** Records that a batch is to have; undefined: no advice. */
    readonly batchRecords: number | undefined;
  }
  | undefined;

/** Pushes of one source over one service. */
export interface PushWire {
  /** Opens a stream that sends `batches`. */
  open(
    transport: Transport,
    batches: AsyncIterable<PushBatch>,
    signal: AbortSignal,
  ): AsyncIterable<PushAnswer>;
  /** Asks for credit that did not come by itself; absent where it always does. */
  askForCredit?(
    transport: Transport,
    records: number,
    signal: AbortSignal,
  ): Promise<PushCredit>;
}
