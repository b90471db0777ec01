/**
 * The records of one buffer on their way through the stages: what a source sent, or what a transform
 * or lookup made of it. A load lets go of its buffer when no stage holds a record of it any more; the
 * records themselves may be under way for longer, as others.
 */
import { invariant } from "../invariant.ts";
import type { RecordView } from "../../proto/record_view.ts";

/** Whoever made a load. */
export interface LoadOwner {
  /** No record of the load will be read any more. */
  loadReleased(load: Load): void;
}

/** Some records of a load: their indexes, in the order of their way, or all of them. */
export type Records = "all" | Uint32Array;

/** The records of one buffer. */
export class Load {
  readonly view: RecordView;
  /** By record, the slot of the source's record that it is or was made of. */
  readonly slots: Uint32Array;
  /**
   * By record, or the same for all: which of the records made of one source record it is. Equal for
   * what is made again in the same way.
   */
  readonly lineage: number | Float64Array;
  /** What the buffer takes. */
  readonly bytes: number;
  readonly #owner: LoadOwner;
  #uses = 1;

  /** A load that its maker holds. */
  constructor(
    owner: LoadOwner,
    view: RecordView,
    slots: Uint32Array,
    lineage: number | Float64Array,
    bytes: number,
  ) {
    this.#owner = owner;
    this.view = view;
    this.slots = slots;
    this.lineage = lineage;
    this.bytes = bytes;
  }

  /** One more holds records of the load. */
  hold(): void {
    this.#uses++;
  }

  /** One who held records of the load does not any more. */
  release(): void {
    this.#uses--;
    invariant(this.#uses >= 0, "a load is released twice");
    if (this.#uses === 0) this.#owner.loadReleased(this);
  }

  /** How many of the load `records` are. */
  countOf(records: Records): number {
    return records === "all" ? this.view.count : records.length;
  }

  lineageOf(index: number): number {
    const { lineage } = this;
    return typeof lineage === "number" ? lineage : lineage[index]!;
  }
}
