/** What backups are called, how many there may be, and how large: the same wherever they are kept. */
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import { backupsMax, restoreBytesMax } from "../limits.ts";

/** A name that is one of a file everywhere. */
const name = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/** `id`, or InvalidArgument. */
export function checkedId(id: string): string {
  if (name.test(id)) return id;
  throw invalidArgument(
    "snapshot_id",
    "must have 1 to 128 letters, digits, '-', '_' or '.', and not begin with '.'",
    id,
  );
}

/** Refuses one more than there may be, or one of a name that is in use. */
export function checkRoom(id: string, count: number, taken: boolean): void {
  if (taken) {
    throw new ConveyorError(
      Code.AlreadyExists,
      `Cannot keep backup "${id}": there is one of that name`,
    );
  }
  if (count < backupsMax) return;
  throw new ConveyorError(
    Code.ResourceExhausted,
    `Cannot keep backup "${id}": there are ${count} already, the most that there may be; delete some`,
  );
}

/** Refuses a backup that is too large to be brought back. */
export function checkSize(id: string, bytes: number): void {
  if (bytes <= restoreBytesMax) return;
  throw new ConveyorError(
    Code.ResourceExhausted,
    `Cannot keep backup "${id}": it has over ${restoreBytesMax} bytes`,
  );
}

/** There is none of that name. */
export function noSuchBackup(id: string): ConveyorError {
  return new ConveyorError(
    Code.NotFound,
    `Cannot find backup "${id}": this router keeps none of that name`,
  );
}
