/**
 * Has the parts of a snapshot taken in their order, several of them on the way at a time: one by one
 * each would wait for the disks and the network of a majority. A part that overtakes those before it,
 * as between two nodes it may, is refused as out of order; it is sent again when they are taken.
 */
import { Code, ConveyorError } from "../errors.ts";
import { restorePartsInFlightMax } from "../limits.ts";

/** Has one part taken. FailedPrecondition with the field `part` where another one is awaited. */
export type SendPart = (part: number, data: Uint8Array) => Promise<unknown>;

/** A part that was sent. */
interface Sent {
  readonly part: number;
  readonly data: Uint8Array;
  /** False: another one is awaited. Rejects for any other reason. */
  readonly taken: Promise<boolean>;
}

/** Resolves with how many parts there were when all are taken, rejects when one cannot be. */
export async function sendParts(
  parts: AsyncIterable<Uint8Array>,
  send: SendPart,
): Promise<number> {
  const inFlight: Sent[] = [];
  let count = 0;
  try {
    for await (const data of parts) {
      if (inFlight.length === restorePartsInFlightMax) {
        await settleFirst(inFlight, send);
      }
      const part = count++;
      const taken = send(part, data).then(() => true, orOutOfOrder);
      // It may fail before it is looked at in its turn.
      taken.catch(() => {});
      inFlight.push({ part, data, taken });
    }
    while (inFlight.length > 0) await settleFirst(inFlight, send);
  } finally {
    // Behind one that fails others are on their way still.
    await Promise.allSettled(inFlight.map(({ taken }) => taken));
  }
  return count;
}

/** Waits for the first part, before which all are taken; where it overtook them, for all the others too. */
async function settleFirst(inFlight: Sent[], send: SendPart): Promise<void> {
  if (await inFlight[0]!.taken) {
    inFlight.shift();
    return;
  }
  // Where one is missing those behind it are not taken either.
  await Promise.all(inFlight.map(({ taken }) => taken));
  for (const { part, data } of inFlight) await send(part, data);
  inFlight.length = 0;
}

function orOutOfOrder(error: unknown): false {
  const isOutOfOrder = error instanceof ConveyorError &&
    error.code === Code.FailedPrecondition &&
    error.details.some(({ field }) => field === "part");
  if (isOutOfOrder) return false;
  throw error;
}
