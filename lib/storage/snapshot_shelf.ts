/**
 * Where the chunks of snapshots are put, whole snapshots side by side by number. A snapshot on the
 * shelf means nothing until a store makes it the live one; what is not live may be dropped.
 */
import type { Pace } from "./pace.ts";
import { SnapshotTally } from "./snapshot_tally.ts";

/** Snapshots by number, chunks in order. */
export interface SnapshotShelf {
  /** A number that no snapshot on the shelf has. */
  next(): number;
  /** Puts chunk number `chunk` of snapshot `id` there; durable when it resolves. */
  write(id: number, chunk: number, data: Uint8Array): Promise<void>;
  /** Takes all of `id` away; may be put off until those who read it are done. */
  drop(id: number): Promise<void>;
}

/**
 * Puts `chunks` there as snapshot `id`, as slowly as `pace` says. What was written is dropped when a
 * chunk cannot be drawn.
 */
export async function shelve(
  shelf: SnapshotShelf,
  id: number,
  chunks: Iterable<Uint8Array>,
  pace?: Pace,
): Promise<SnapshotTally> {
  const tally = new SnapshotTally();
  const source = chunks[Symbol.iterator]();
  for (;;) {
    const data = await drawn(source, () => shelf.drop(id));
    if (data === undefined) return tally;
    await shelf.write(id, tally.chunks, data);
    tally.add(data);
    await pace?.step();
  }
}

async function drawn(
  source: Iterator<Uint8Array>,
  giveUp: () => Promise<void>,
): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = source.next();
    if (done) return undefined;
    SnapshotTally.check(value);
    return value;
  } catch (error) {
    await giveUp();
    throw error;
  }
}
