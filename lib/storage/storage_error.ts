/**
 * What ends a node: a disk that it may not or cannot use. Such an error is never answered by trying
 * again in place. Found at the start, it means exit code 78 and one sentence for the operator; from
 * a write, the outcome of that write is unknown, and only a restart finds out.
 */
import { Code, ConveyorError } from "../errors.ts";

/** What is wrong with the disk. */
export type StorageFault =
  /** A value is missing, damaged, or does not fit the others. */
  | "corrupt"
  /** Another process has the data directory. */
  | "locked"
  /** The data directory belongs to another node or another cluster. */
  | "otherNode"
  /** A newer version of this software wrote it. */
  | "newerFormat"
  /** DENO_KV_DB_MODE turns files into memory. */
  | "memoryMode"
  /** The runtime was started without Deno KV. */
  | "kvMissing"
  /** The data directory cannot be made, read or written. */
  | "unusable"
  /** Another process wrote to the store while this one had it. */
  | "fenced"
  /** The disk refused a write. */
  | "writeFailed";

const codes: Readonly<Record<StorageFault, Code>> = {
  corrupt: Code.DataLoss,
  locked: Code.FailedPrecondition,
  otherNode: Code.FailedPrecondition,
  newerFormat: Code.FailedPrecondition,
  memoryMode: Code.FailedPrecondition,
  kvMissing: Code.FailedPrecondition,
  unusable: Code.FailedPrecondition,
  fenced: Code.Aborted,
  writeFailed: Code.Unknown,
};

/** A disk that cannot be used, or not any more. Its message says what to do. */
export class StorageError extends ConveyorError {
  override readonly name: string = "StorageError";
  readonly fault: StorageFault;

  constructor(fault: StorageFault, message: string, cause?: unknown) {
    super(codes[fault], message, { cause });
    this.fault = fault;
  }

  /** Whether an operator has to act before a start can succeed: the process exits with code 78. */
  get needsOperator(): boolean {
    return this.fault !== "fenced" && this.fault !== "writeFailed";
  }
}
