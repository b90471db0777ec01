/**
 * The records of a source that is pulled from, gathered into batches: as many as are there at once, up to
 * a number and to bytes that any router takes.
 */
import { recordBytes } from "../../clients/record_bytes.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import { pullBatchBytes } from "../limits.ts";

/**
 * Batches of at most `recordsMax()` records, none empty; a record that is larger than a batch goes alone.
 * They end with the source, or when `signal` aborts.
 */
export async function* gatheredRecords(
  source: AsyncIterable<MessageInit<Record>>,
  recordsMax: () => number,
  signal: AbortSignal,
): AsyncGenerator<MessageInit<Record>[], void, void> {
  let records: MessageInit<Record>[] = [];
  let bytes = 0;
  for await (const record of inReach(source, signal)) {
    if (record !== pause) {
      const more = recordBytes(record);
      if (records.length > 0 && bytes + more > pullBatchBytes) {
        yield records;
        records = [];
        bytes = 0;
      }
      records.push(record);
      bytes += more;
    }
    if (records.length === 0) continue;
    if (record !== pause && records.length < recordsMax()) continue;
    yield records;
    records = [];
    bytes = 0;
  }
  if (records.length > 0) yield records;
}

/** Stands between records where the source has to be waited for: what is gathered may leave. */
const pause = Symbol("pause");

/**
 * The records of `source`, with a `pause` wherever the next one is not there at once, until `signal`
 * aborts: a source that looks at no signal must not keep the call.
 */
async function* inReach<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T | typeof pause, void, void> {
  const iterator = source[Symbol.asyncIterator]();
  const left = Promise.withResolvers<typeof pause>();
  const onAbort = (): void => left.resolve(pause);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (!signal.aborted) {
      const next = iterator.next();
      const turn = Promise.withResolvers<typeof pause>();
      const timer = setTimeout(() => turn.resolve(pause), 0);
      let first = await Promise.race([next, turn.promise, left.promise]);
      clearTimeout(timer);
      if (first === pause) {
        yield pause;
        first = await Promise.race([next, left.promise]);
      }
      if (first === pause || first.done) return;
      yield first.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: an iterator that waits for its next record returns only after it.
    iterator.return?.().catch(() => {});
  }
}
