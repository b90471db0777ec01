/**
 * The one error of this package: `ConveyorError`, a gRPC status code, a sentence, and what is known
 * about the cause. Whatever crosses a boundary (a handler's answer, a client's rejection, a refused
 * option) is one of these, so that a caller needs one `instanceof` and one switch over `Code`.
 */

/** The status codes of gRPC, with their numbers on the wire. OK is absent: it is not an error. */
export enum Code {
  Canceled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
}

/** One field that broke a rule. Travels as `google.rpc.BadRequest` beside the status. */
export interface FieldViolation {
  /** Path of the field or option, as the caller wrote it: `batch.records[3].id`. */
  readonly field: string;
  /** The rule, and the value found. */
  readonly description: string;
}

/** Metadata of a call: lower-case names; names that end in `-bin` hold bytes. */
export type CallMetadata = Readonly<
  Record<string, readonly (string | Uint8Array)[]>
>;

/** What a `ConveyorError` may carry besides its code and message. */
export interface ConveyorErrorOptions {
  /** The error that led to this one. @default undefined */
  readonly cause?: unknown;
  /** Which fields broke which rules. @default [] */
  readonly details?: readonly FieldViolation[];
  /** Trailing metadata of the failed call. @default {} */
  readonly metadata?: CallMetadata;
}

/**
 * The error that every public function of this package throws or rejects with.
 *
 * @example See which option is wrong
 * ```ts
 * import { Code, ConveyorError, TransformClient } from "@conveyor/grpc";
 *
 * try {
 *   await TransformClient.connect("localhost:50051", "classify");
 * } catch (error) {
 *   if (!(error instanceof ConveyorError)) throw error;
 *   console.log(Code[error.code], error.details[0]?.field); // InvalidArgument url
 * }
 * ```
 */
export class ConveyorError extends Error {
  /** Always "ConveyorError". */
  override readonly name: string = "ConveyorError";
  /** The gRPC status code. */
  readonly code: Code;
  /** Which fields broke which rules; empty unless the code is InvalidArgument or the like. */
  readonly details: readonly FieldViolation[];
  /** Trailing metadata of the call, when the error came from a peer. */
  readonly metadata: CallMetadata;

  /** Makes an error of `code` with a sentence that says what could not be done and why. */
  constructor(code: Code, message: string, options: ConveyorErrorOptions = {}) {
    super(
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.details = options.details ?? [];
    this.metadata = options.metadata ?? {};
  }
}

/** An InvalidArgument that names one field, the rule it breaks, and the value found. */
export function invalidArgument(
  field: string,
  rule: string,
  found: unknown,
): ConveyorError {
  const description = `${rule}, found ${quote(found)}`;
  return new ConveyorError(
    Code.InvalidArgument,
    `Cannot accept "${field}": ${description}`,
    {
      details: [{ field, description }],
    },
  );
}

/** Any thrown value as a ConveyorError: itself, or Internal with the value kept as its cause. */
export function asConveyorError(thrown: unknown): ConveyorError {
  if (thrown instanceof ConveyorError) return thrown;
  return new ConveyorError(Code.Internal, messageOf(thrown), { cause: thrown });
}

/** What a thrown value says, whatever it is: a throw may be of anything. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "an error that cannot be shown";
  }
}

/** A value as it is quoted in messages: strings in quotes, long ones cut, bytes by their length. */
export function quote(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  }
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? `an array of ${value.length}` : "an object";
}
