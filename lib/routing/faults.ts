/**
 * Collects what is wrong with a pipeline, so that all of it is told at once: where, which rule, what
 * was found. After a bound the rest is only counted, since a pipeline that is wrong everywhere would
 * make an answer too large to read or to send.
 */
import { type FieldViolation, quote } from "../errors.ts";
import { pipelineFaultsMax } from "../limits.ts";

/** The faults found so far. */
export class Faults {
  readonly #found: FieldViolation[] = [];
  #count = 0;

  /** Whether there is none. */
  get none(): boolean {
    return this.#count === 0;
  }

  /** Adds that `found`, in the field with this path, breaks `rule`. */
  add(field: string, rule: string, found: unknown): void {
    this.say(field, `${rule}, found ${quote(found)}`);
  }

  /** Adds a fault that is not one of a single value. */
  say(field: string, description: string): void {
    if (++this.#count <= pipelineFaultsMax) {
      this.#found.push({ field, description });
    }
  }

  /** All faults, in the order found. */
  list(): readonly FieldViolation[] {
    const more = this.#count - this.#found.length;
    if (more === 0) return this.#found;
    return [...this.#found, {
      field: "",
      description: `${more} more faults, told when these are mended`,
    }];
  }
}
