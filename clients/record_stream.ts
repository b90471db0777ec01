/**
 * Records out, results back, along one stream: the part that transforms and sinks share. It ends well
 * only when every record was sent, each has its result, and the service has said that it is done; a
 * stream that just ends would otherwise lose records without anybody noticing.
 */
import { Code, ConveyorError, invalidArgument } from "../lib/errors.ts";
import { callTimeoutMs, streamEndTimeoutMs } from "../lib/limits.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { Record, RecordId } from "../proto/messages/common.ts";
import type { Method } from "../proto/service.ts";
import { RecordWindow } from "./record_window.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** What an answer of the service means. */
export type StreamAnswer<R> =
  | { readonly kind: "ready"; readonly credits: bigint }
  | {
    readonly kind: "limit";
    readonly credits: bigint;
    readonly waitMs: number;
  }
  | {
    readonly kind: "result";
    readonly id: RecordId | undefined;
    readonly result: R;
  }
  | { readonly kind: "done"; readonly upToSequence?: bigint }
  | { readonly kind: "other" };

/** How one kind of service words the exchange. */
export interface StreamProtocol<I, O, R> {
  readonly method: Method<I, O>;
  first(streamId: string): MessageInit<I>;
  record(record: MessageInit<Record>): MessageInit<I>;
  last(streamId: string, upToSequence: bigint): MessageInit<I>;
  read(answer: O): StreamAnswer<R>;
}

/** Records, given as they come. */
export type Records =
  | AsyncIterable<MessageInit<Record>>
  | Iterable<MessageInit<Record>>;

/** What the sender has told so far. */
interface Sent {
  all: boolean;
  upToSequence: bigint;
}

/** Sends `records` and yields their results; leaving the loop cancels the call. */
export async function* exchangeRecords<I, O, R>(
  transport: Transport,
  protocol: StreamProtocol<I, O, R>,
  records: Records,
  options: CallOptions,
): AsyncGenerator<R, void, void> {
  requireRecords(records);
  const { path } = protocol.method;
  const window = new RecordWindow(path);
  const sent: Sent = { all: false, upToSequence: 0n };
  const giveUp = new AbortController();
  const signal = options.signal
    ? AbortSignal.any([options.signal, giveUp.signal])
    : giveUp.signal;
  let timer = setTimeout(() => giveUp.abort(), callTimeoutMs);
  let opened = false;
  let done = false;
  try {
    const requests = requestsOf(protocol, records, window, sent);
    const answers = transport.stream(protocol.method, requests, {
      ...options,
      signal,
    });
    for await (const message of answers) {
      const answer = protocol.read(message);
      switch (answer.kind) {
        case "ready":
          clearTimeout(timer);
          opened = true;
          window.open(answer.credits);
          break;
        case "limit":
          window.limit(answer.credits, answer.waitMs);
          break;
        case "result":
          window.settle(answer.id);
          yield answer.result;
          break;
        case "done":
          if (!sent.all) {
            throw broken(
              path,
              "said that it was done before every record was sent",
            );
          }
          window.finish();
          requireCommitted(path, answer.upToSequence, sent.upToSequence);
          done = true;
          // Ends the requests; the service then ends its answers, or is left alone with them.
          window.end();
          timer = setTimeout(() => giveUp.abort(), streamEndTimeoutMs);
          break;
        case "other":
          break;
        default:
          answer satisfies never;
      }
    }
  } catch (error) {
    if (!giveUp.signal.aborted) throw error;
    if (!opened) throw notReady(path);
    if (!done) throw error;
  } finally {
    clearTimeout(timer);
    window.end();
  }
  window.finish();
  if (!done) throw broken(path, "ended without saying that it was done");
}

async function* requestsOf<I, O, R>(
  protocol: StreamProtocol<I, O, R>,
  records: Records,
  window: RecordWindow,
  sent: Sent,
): AsyncGenerator<MessageInit<I>, void, void> {
  const streamId = crypto.randomUUID();
  yield protocol.first(streamId);
  for await (const record of records) {
    if (!await window.send(record, "record")) return;
    const sequence = BigInt(record.id?.sequenceNumber ?? 0n);
    if (sequence > sent.upToSequence) sent.upToSequence = sequence;
    yield protocol.record(record);
  }
  sent.all = true;
  yield protocol.last(streamId, sent.upToSequence);
  await window.ended();
}

function requireRecords(records: unknown): void {
  const iterable = typeof records === "object" && records !== null &&
    (Symbol.asyncIterator in records || Symbol.iterator in records);
  if (!iterable) throw invalidArgument("records", "must be iterable", records);
}

function requireCommitted(
  path: string,
  upTo: bigint | undefined,
  sent: bigint,
): void {
  if (upTo === undefined || upTo >= sent) return;
  throw broken(path, `committed up to sequence ${upTo} of ${sent}`);
}

function notReady(path: string): ConveyorError {
  return new ConveyorError(
    Code.DeadlineExceeded,
    `Cannot call "${path}": the service did not say that it was ready within ${callTimeoutMs} ms`,
  );
}

function broken(path: string, what: string): ConveyorError {
  return new ConveyorError(
    Code.DataLoss,
    `Cannot trust the answer of "${path}": it ${what}`,
  );
}
