/**
 * What every store refuses in the same words. Nothing was changed when one of these is thrown, and
 * the store goes on.
 */
import { Code, ConveyorError } from "../errors.ts";
import { integerOption } from "../options.ts";
import { sameSnapshot } from "./manifest.ts";
import type { SnapshotManifest } from "./store.ts";

/** Refuses to work for a store that is closed. */
export function checkOpen(closed: boolean): void {
  if (!closed) return;
  throw new ConveyorError(
    Code.FailedPrecondition,
    "Cannot use the store: it is closed",
  );
}

/** Refuses to read a snapshot that is not the live one, or from a chunk that it does not have. */
export function checkReadable(
  manifest: SnapshotManifest,
  chunk: number,
  live: SnapshotManifest | undefined,
): void {
  if (live === undefined || !sameSnapshot(manifest, live)) {
    const found = live ? `that of index ${live.index} is` : "there is none";
    throw new ConveyorError(
      Code.NotFound,
      `Cannot read snapshot ${manifest.index}: it is not the live one, ${found}`,
    );
  }
  integerOption("chunk", chunk, 0, 0, manifest.chunks);
}

/** A snapshot of the own state machine is of no use: another node's has overtaken it. */
export function overtaken(index: number, live: number): ConveyorError {
  return new ConveyorError(
    Code.Aborted,
    `Cannot save snapshot ${index}: snapshot ${live} was installed meanwhile`,
  );
}
