/** Counts the bytes of what a service made of records, for as long as a stage needs them. */
import type { Buffer } from "../delivery/buffer.ts";
import type { LoadOwner } from "../delivery/load.ts";

/** The bytes of one answer. */
export class DerivedBytes implements LoadOwner {
  readonly #buffer: Buffer;
  readonly #bytes: number;
  readonly #whenReleased: () => void;

  constructor(buffer: Buffer, bytes: number, whenReleased: () => void) {
    this.#buffer = buffer;
    this.#bytes = bytes;
    this.#whenReleased = whenReleased;
    buffer.addDerived(bytes);
  }

  loadReleased(): void {
    this.#buffer.removeDerived(this.#bytes);
    this.#whenReleased();
  }
}
