/**
 * The shelf of snapshots in Deno KV. A chunk is one commit of a few values; each value says which
 * chunk and part it is and is sealed, so that one that is lost, damaged or in another's place is
 * noticed by whoever reads it. A snapshot that is being read stays until the reader is done.
 */
import { invariant } from "../invariant.ts";
import { dropBytesMax, dropWritesMax, kvValueBytesMax } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Kv, KvEntry } from "./kv.ts";
import { KvBatch } from "./kv_batch.ts";
import { chunkPartKey, chunkPrefix, manifestKey } from "./kv_keys.ts";
import type { KvLine } from "./kv_line.ts";
import { Pace } from "./pace.ts";
import {
  bytesOf,
  joinBytes,
  openRecord,
  readInteger,
  RecordError,
  recordKind,
  seal,
  unseal,
} from "./record.ts";
import type { SnapshotShelf } from "./snapshot_shelf.ts";

/** Bytes of a chunk in one value; the rest of the value says where they belong. */
const partBytesMax = kvValueBytesMax - 64;

/** A snapshot on the shelf. */
interface Shelved {
  /** How many parts each chunk has. */
  readonly parts: number[];
  readers: number;
}

/** Snapshots in a KV. */
export class KvChunks implements SnapshotShelf {
  readonly #kv: Kv;
  readonly #line: KvLine;
  readonly #scheduler: Scheduler;
  readonly #shelved = new Map<number, Shelved>();
  #last: number;
  /** Called when a reader is done: drops wait for the last one. */
  #readerDone: (() => void)[] = [];
  #closed = false;

  /** `live` is the only snapshot there, with how many parts each of its chunks has. */
  constructor(
    kv: Kv,
    line: KvLine,
    scheduler: Scheduler,
    live: { readonly id: number; readonly parts: number[] } | undefined,
  ) {
    this.#kv = kv;
    this.#line = line;
    this.#scheduler = scheduler;
    this.#last = live?.id ?? 0;
    if (live) this.#shelved.set(live.id, shelved(live.parts));
  }

  next(): number {
    this.#shelved.set(++this.#last, shelved([]));
    return this.#last;
  }

  async write(id: number, chunk: number, data: Uint8Array): Promise<void> {
    const entry = this.#shelved.get(id);
    invariant(entry, "a chunk is written of a snapshot that is not there");
    const batch = new KvBatch();
    const parts = encodeChunk(id, chunk, data);
    for (const [part, value] of parts.entries()) {
      batch.set(chunkPartKey(id, chunk, part), value);
    }
    await this.#line.run("slow", () => this.#line.commit(batch));
    entry.parts[chunk] = parts.length;
  }

  async drop(id: number): Promise<void> {
    const entry = this.#shelved.get(id);
    if (entry === undefined) return;
    this.#shelved.delete(id);
    while (entry.readers > 0 && !this.#closed) {
      await new Promise<void>((resolve) => this.#readerDone.push(resolve));
    }
    const pace = new Pace(this.#scheduler);
    for (const batch of dropBatches(id, entry.parts)) {
      await this.#line.run("slow", () => this.#line.commit(batch));
      await pace.step();
    }
  }

  /** The chunks of snapshot `id` from `chunk` on; RecordError when one is damaged or missing. */
  async *read(
    id: number,
    chunk: number,
    chunks: number,
  ): AsyncIterable<Uint8Array> {
    const entry = this.#shelved.get(id)!;
    entry.readers++;
    try {
      for (let at = chunk; at < chunks; at++) {
        const parts = this.#kv.list({ prefix: chunkPrefix(id, at) });
        yield decodeChunk(id, at, await Array.fromAsync(parts));
      }
    } finally {
      entry.readers--;
      this.#wakeDrops();
    }
  }

  /** Drops that wait for a reader wait no longer: what they leave goes at the next start. */
  close(): void {
    this.#closed = true;
    this.#wakeDrops();
  }

  #wakeDrops(): void {
    const waiting = this.#readerDone;
    this.#readerDone = [];
    for (const wake of waiting) wake();
  }
}

/** A chunk as values, in order. */
export function encodeChunk(
  id: number,
  chunk: number,
  data: Uint8Array,
): Uint8Array[] {
  const count = Math.ceil(data.length / partBytesMax);
  return Array.from({ length: count }, (_, part) => {
    const bytes = data.subarray(part * partBytesMax, (part + 1) * partBytesMax);
    return seal(
      openRecord(recordKind.chunk, bytes.length + 64)
        .uint64(id).uint64(chunk).uint32(part).uint32(count).bytes(bytes),
    );
  });
}

/** The chunk that the values are; RecordError when they are not all of one. */
export function decodeChunk(
  id: number,
  chunk: number,
  values: readonly KvEntry[],
): Uint8Array {
  if (values.length === 0) throw new RecordError("is missing");
  const parts = values.map(({ value }, part) => {
    return unseal(recordKind.chunk, bytesOf(value), (body) => {
      const fits = readInteger(body) === id && readInteger(body) === chunk &&
        body.uint32() === part && body.uint32() === values.length;
      if (!fits) throw new RecordError("has parts of another, or not all");
      return body.bytes();
    });
  });
  return joinBytes(parts);
}

/** The deletes of a snapshot: its manifest first, as it is nothing without. */
function* dropBatches(
  id: number,
  parts: readonly number[],
): Iterable<KvBatch> {
  let batch = new KvBatch();
  batch.delete(manifestKey(id));
  for (const [chunk, count] of parts.entries()) {
    for (let part = 0; part < count; part++) {
      batch.delete(chunkPartKey(id, chunk, part));
    }
    const { length } = batch.writes;
    if (length * kvValueBytesMax < dropBytesMax && length < dropWritesMax) {
      continue;
    }
    yield batch;
    batch = new KvBatch();
  }
  if (!batch.empty) yield batch;
}

function shelved(parts: number[]): Shelved {
  return { parts, readers: 0 };
}
