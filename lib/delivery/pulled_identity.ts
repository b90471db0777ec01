/**
 * The identities under which a pipeline's output is pulled. What records were at their source tells
 * them apart no more: they may come of several sources, and one may have been split into many. Each gets
 * the stage as its source, the node as its partition, and the next sequence number; these go on rising
 * when the node starts anew, since the first is made from the time.
 */
import type { RecordIds } from "../../proto/record_ids.ts";
import { varintSize, WireWriter } from "../../proto/wire_writer.ts";

/** Bits of a sequence number below the time: so many records a millisecond. */
const bitsBelowTime = 20n;
/** A varint of any 64-bit number in as many bytes as the largest takes. */
const sequenceBytes = 10;
const two32 = 0x1_0000_0000;

/** The identities of one stage on one node. */
export class PulledIdentity {
  readonly sourceId: string;
  readonly partition: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  /** A serialized field `id` of Record, with the sequence number at its end. */
  readonly #field: Uint8Array;

  /** Numbers begin at `startMs`, a time later than that of any record numbered before. */
  constructor(sourceId: string, partition: number, startMs: number) {
    this.sourceId = sourceId;
    this.partition = partition;
    const base = BigInt(startMs) << bitsBelowTime;
    this.#baseLow = Number(base & 0xffff_ffffn);
    this.#baseHigh = Number(base >> 32n);
    const id = new WireWriter().uint32(0x0a).string(sourceId)
      .uint32(0x10).uint32(partition).uint32(0x18).finish();
    const size = id.length + sequenceBytes;
    this.#field = new Uint8Array(1 + varintSize(size) + size);
    this.#field.set(
      new WireWriter().uint32(0x0a).uint32(size).raw(id).finish(),
    );
  }

  /**
   * The field that gives a record its identity when it is written behind it: what the record has as
   * idempotency key stays. Valid until the next call.
   */
  field(number: number): Uint8Array {
    const sum = this.#baseLow + number;
    const low = sum % two32;
    const high = this.#baseHigh + Math.floor(sum / two32);
    const field = this.#field;
    let pos = field.length - sequenceBytes;
    for (let shift = 0; shift < 28; shift += 7) {
      field[pos++] = low >>> shift & 0x7f | 0x80;
    }
    field[pos++] = low >>> 28 | (high & 0x07) << 4 | 0x80;
    for (let shift = 3; shift < 31; shift += 7) {
      field[pos++] = high >>> shift & 0x7f | 0x80;
    }
    field[pos] = high >>> 31;
    return field;
  }

  /** The number of record `i` of `ids`; undefined: it is of another source, partition or time. */
  numberOf(ids: RecordIds, i: number): number | undefined {
    if (ids.sourceIds[i] !== this.sourceId) return undefined;
    if (ids.partitions[i] !== this.partition) return undefined;
    const number = (ids.sequenceHighs[i]! - this.#baseHigh) * two32 +
      ids.sequenceLows[i]! - this.#baseLow;
    return number >= 0 ? number : undefined;
  }
}
