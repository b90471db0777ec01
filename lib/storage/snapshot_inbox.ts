/**
 * Snapshots from other nodes on their way in. One is received at a time; a connection that broke
 * goes on with the chunk it stopped at. One that is whole and fits its manifest waits here until the
 * log is switched to it, so that the next one may already come in meanwhile.
 */
import { Code, ConveyorError } from "../errors.ts";
import { invariant } from "../invariant.ts";
import { receivedSnapshotsMax } from "../limits.ts";
import { sameSnapshot } from "./manifest.ts";
import type { SnapshotShelf } from "./snapshot_shelf.ts";
import { SnapshotTally } from "./snapshot_tally.ts";
import type { SnapshotManifest, SnapshotReceiver } from "./store.ts";

/** One that comes in, or is in. */
interface Arrival {
  readonly id: number;
  readonly manifest: SnapshotManifest;
  readonly tally: SnapshotTally;
  /** The chunk that is being stored, if any. */
  writing: Promise<void> | undefined;
}

/** Snapshots that are received and not live. */
export class SnapshotInbox {
  readonly #shelf: SnapshotShelf;
  #coming: Arrival | undefined;
  /** Whole, oldest first. */
  readonly #whole: Arrival[] = [];

  constructor(shelf: SnapshotShelf) {
    this.#shelf = shelf;
  }

  /** As `receiveSnapshot` of the store. */
  async receive(manifest: SnapshotManifest): Promise<SnapshotReceiver> {
    const known = [...this.#whole, this.#coming].find((one) =>
      one && sameSnapshot(one.manifest, manifest)
    );
    if (known) {
      // A connection that broke may have left a chunk on its way to the disk.
      await known.writing?.catch(() => {});
      return this.#receiver(known);
    }
    const before = this.#coming;
    const id = this.#shelf.next();
    const tally = new SnapshotTally();
    const arrival = { id, manifest, tally, writing: undefined };
    this.#coming = arrival;
    await this.#drop(before);
    return this.#receiver(arrival);
  }

  /** Hands over the number of a whole one, to be made live: it is not kept here any more. */
  take(manifest: SnapshotManifest): number {
    const at = this.#whole.findIndex((one) =>
      sameSnapshot(one.manifest, manifest)
    );
    invariant(at >= 0, "a snapshot is installed that was not received whole");
    return this.#whole.splice(at, 1)[0]!.id;
  }

  /** Drops those whose state the log holds already. */
  async dropTo(index: number): Promise<void> {
    for (let at = this.#whole.length - 1; at >= 0; at--) {
      if (this.#whole[at]!.manifest.index > index) continue;
      await this.#drop(this.#whole.splice(at, 1)[0]);
    }
  }

  #receiver(arrival: Arrival): SnapshotReceiver {
    return {
      get chunks() {
        return arrival.tally.chunks;
      },
      write: (chunk, data) => this.#write(arrival, chunk, data),
      finish: () => this.#finish(arrival),
    };
  }

  async #write(
    arrival: Arrival,
    chunk: number,
    data: Uint8Array,
  ): Promise<void> {
    this.#checkCurrent(arrival);
    if (arrival.writing) throw busy();
    arrival.tally.checkNext(arrival.manifest, chunk, data);
    arrival.writing = this.#shelf.write(arrival.id, chunk, data).then(() =>
      arrival.tally.add(data)
    );
    try {
      await arrival.writing;
    } finally {
      arrival.writing = undefined;
    }
  }

  async #finish(arrival: Arrival): Promise<void> {
    if (this.#whole.includes(arrival)) return;
    this.#checkCurrent(arrival);
    if (arrival.writing) throw busy();
    this.#coming = undefined;
    if (!arrival.tally.fits(arrival.manifest)) {
      await this.#drop(arrival);
      throw misfit(arrival);
    }
    this.#whole.push(arrival);
    if (this.#whole.length > receivedSnapshotsMax) {
      await this.#drop(this.#whole.shift());
    }
  }

  #checkCurrent(arrival: Arrival): void {
    if (arrival === this.#coming) return;
    throw new ConveyorError(
      Code.Aborted,
      `Cannot take snapshot ${arrival.manifest.index}: it is not the one being received any more`,
    );
  }

  async #drop(arrival: Arrival | undefined): Promise<void> {
    if (arrival === undefined) return;
    await arrival.writing?.catch(() => {});
    await this.#shelf.drop(arrival.id);
  }
}

function busy(): ConveyorError {
  return new ConveyorError(
    Code.FailedPrecondition,
    "Cannot take a chunk: the one before it is not stored yet",
  );
}

function misfit({ manifest, tally }: Arrival): ConveyorError {
  const found =
    `${tally.chunks} chunks, ${tally.bytes} bytes, checksum ${tally.checksum}`;
  return new ConveyorError(
    Code.DataLoss,
    `Cannot take snapshot ${manifest.index}: its manifest tells of ${manifest.chunks} chunks, ${manifest.bytes} bytes, checksum ${manifest.checksum}, but it has ${found}`,
  );
}
