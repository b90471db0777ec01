/**
 * Joins records, chosen from any number of views, into one message for the next hop. The records'
 * bytes are copied once, as they are, into the one buffer that is allocated for the message;
 * neighbours in a source batch are copied together.
 */
import type { WriteOptions } from "./messages/sink.ts";
import type { RecordView } from "./record_view.ts";
import { varintSize, WireWriter } from "./wire.ts";

/** RecordBatch.records */
const recordTag = 0x12;
/** Room that WireWriter wants beyond the varint it writes last. */
const slack = 5;

const none = new Uint8Array(0);

/** Records in the order added. The views' buffers must stay unchanged until the message is made. */
export class RecordJoin {
  /** How many records were added. */
  count = 0;
  /** What the records take in a batch, their tags and lengths included. */
  byteLength = 0;
  // Runs of records that are neighbours in a batch: a run is one copy.
  readonly #buffers: Uint8Array[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  /** Length of each run's first record: its tag and length are written anew. */
  readonly #firstLengths: number[] = [];

  /** Adds record `i` of `view`. */
  add(view: RecordView, i: number): this {
    const { bytes } = view;
    const start = view.starts[i]!;
    const end = view.ends[i]!;
    const run = this.#ends.length - 1;
    const frame = start - 1 - varintSize(end - start);
    if (
      run >= 0 && this.#ends[run] === frame && this.#buffers[run] === bytes &&
      isFrame(bytes, frame, end - start)
    ) {
      this.#ends[run] = end;
    } else {
      this.#buffers.push(bytes);
      this.#starts.push(start);
      this.#ends.push(end);
      this.#firstLengths.push(end - start);
    }
    this.count++;
    this.byteLength += end - frame;
    return this;
  }

  /** Adds all records of `view`. */
  addAll(view: RecordView): this {
    for (let i = 0; i < view.count; i++) this.add(view, i);
    return this;
  }

  /** Forgets the records, to be used again. */
  clear(): void {
    this.count = this.byteLength = 0;
    this.#buffers.length = this.#starts.length = 0;
    this.#ends.length = this.#firstLengths.length = 0;
  }

  /** The records as a serialized conveyor.common.RecordBatch. */
  batch(batchId: string): Uint8Array {
    const id = stringField(0x0a, batchId);
    const writer = new WireWriter(id.length + this.byteLength + slack);
    this.#write(writer.raw(id));
    return writer.finish();
  }

  /** The records as a serialized conveyor.transform.ProcessBatchRequest. */
  processRequest(
    transformId: string,
    batchId: string,
    config: Readonly<Record<string, string>> = {},
  ): Uint8Array {
    const tail = new WireWriter();
    for (const [key, value] of Object.entries(config)) {
      tail.uint32(0x1a).fork().uint32(0x0a).string(key)
        .uint32(0x12).string(value).ldelim();
    }
    return this.#request(transformId, batchId, tail.finish());
  }

  /** The records as a serialized conveyor.sink.WriteBatchRequest. */
  writeRequest(
    sinkId: string,
    batchId: string,
    options: Partial<WriteOptions> = {},
  ): Uint8Array {
    const tail = new WireWriter().uint32(0x1a).fork();
    if (options.requireAck) tail.uint32(0x08).bool(true);
    if (options.timeoutMs) tail.uint32(0x10).uint32(options.timeoutMs);
    if (options.guarantee) tail.uint32(0x18).int32(options.guarantee);
    return this.#request(sinkId, batchId, tail.ldelim().finish());
  }

  /** Both requests: 1 the service's id, 2 the batch, 3 what is in `tail`. */
  #request(serviceId: string, batchId: string, tail: Uint8Array): Uint8Array {
    const head = stringField(0x0a, serviceId);
    const id = stringField(0x0a, batchId);
    const batchLength = id.length + this.byteLength;
    const writer = new WireWriter(
      head.length + 1 + varintSize(batchLength) + batchLength + tail.length +
        slack,
    );
    writer.raw(head).uint32(0x12).uint32(batchLength).raw(id);
    this.#write(writer);
    return writer.raw(tail).finish();
  }

  #write(writer: WireWriter): void {
    for (let run = 0; run < this.#ends.length; run++) {
      const bytes = this.#buffers[run]!;
      writer.uint32(recordTag).uint32(this.#firstLengths[run]!)
        .raw(bytes.subarray(this.#starts[run], this.#ends[run]));
    }
  }
}

/** Whether the tag and length of a record of `length` bytes stand at `pos`. */
function isFrame(bytes: Uint8Array, pos: number, length: number): boolean {
  if (bytes[pos++] !== recordTag) return false;
  let rest = length;
  for (; rest > 127; rest >>>= 7) {
    if (bytes[pos++] !== (rest & 127 | 128)) return false;
  }
  return bytes[pos] === rest;
}

function stringField(tag: number, text: string): Uint8Array {
  if (text === "") return none;
  return new WireWriter().uint32(tag).string(text).finish();
}
