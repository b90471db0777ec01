/**
 * The ids of the records of a request, to recognise them in its answer. A service gives an id back as
 * it came: then the bytes are the same, and comparing them is a third of the work of reading them.
 */
import { bytesEqual } from "../../proto/field_reader.ts";
import type { SentIds } from "../../proto/result_view.ts";
import type { Work } from "./work.ts";

const none = new Uint32Array(0);
const nothing = new DataView(new ArrayBuffer(0));
/** Record.id, and the field of a result that names the record. */
const idTag = 0x0a;

/** The ids of some positions of a work, in their order. */
export class WorkIds implements SentIds {
  #work: Work | undefined;
  #sent: Uint32Array = none;
  // The load of the record looked at last.
  #number = -1;
  #bytes: DataView = nothing;
  #starts: Uint32Array = none;

  /** Turns to other records. */
  reset(work: Work, sent: Uint32Array): this {
    this.#work = work;
    this.#sent = sent;
    this.#number = -1;
    return this;
  }

  get count(): number {
    return this.#sent.length;
  }

  idEnd(n: number, answer: DataView, pos: number, end: number): number {
    const { loadOf, indexes } = this.#work!;
    const position = this.#sent[n]!;
    if (loadOf[position] !== this.#number) this.#turnTo(loadOf[position]!);
    const bytes = this.#bytes;
    const start = this.#starts[indexes[position]!]!;
    // Where a record begins with an id it is all there: it has been walked over.
    if (start + 2 > bytes.byteLength || bytes.getUint8(start) !== idTag) {
      return -1;
    }
    const size = 2 + bytes.getUint8(start + 1);
    if (size > 129 || pos + size > end) return -1;
    return bytesEqual(bytes, start, answer, pos, size) ? pos + size : -1;
  }

  #turnTo(number: number): void {
    const { bytes, starts } = this.#work!.loads[number]!.view;
    this.#number = number;
    this.#bytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#starts = starts;
  }
}
