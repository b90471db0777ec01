/**
 * What is asked of a service for the records of a lane and how its answer is read: the part of a
 * stage that depends on its kind.
 */
import type { ServedKind, ServiceInstance } from "../delivery/ports.ts";
import type { Failure, Work } from "../delivery/work.ts";

/** No fields. */
export const noFields: Uint8Array = new Uint8Array(0);

/** The exchange of one lane. */
export interface Exchange<Kind extends ServedKind> {
  /** A new work begins: all positions are open. */
  begin(work: Work): void;
  /** The request for the records in these positions; undefined when nothing need be asked. */
  request(
    positions: Uint32Array,
    instance: ServiceInstance<Kind>,
  ): Uint8Array | undefined;
  /**
   * Reads the answer to that request: every position gets a standing other than open, unless it says
   * why the service took only the others. Throws a WireError when it is malformed, a ConveyorError when
   * it says that the call failed; nothing has
   * happened then.
   */
  read(
    answer: Uint8Array | undefined,
    positions: Uint32Array,
    instance: ServiceInstance<Kind>,
  ): Failure | void;
  /** The record in a position is given up, and is looked after elsewhere. */
  leave(position: number): void;
  /** Gives on what is done, as far as order allows. */
  giveOn(): void;
  /** The work is given up: tells the slot of each branch that is not given on. */
  giveUp(each: (slot: number) => void): void;
}
