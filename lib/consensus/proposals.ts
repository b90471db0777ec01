/**
 * Requests that were handed to the leader's log and wait to be applied, by id. The same request twice
 * is one: whoever repeats it waits for the first. When the lead is lost nobody can say what becomes
 * of them, so all are refused as unknown; repeated under their ids they are still applied once.
 */

/** What a request that was applied is told. */
export interface Proposed {
  /** Where in the log it stands, or a later place by which it is surely applied. */
  readonly index: number;
  readonly answer: Uint8Array;
}

interface Waiting {
  readonly promise: Promise<Proposed>;
  readonly resolve: (proposed: Proposed) => void;
  readonly reject: (reason: Error) => void;
}

/** Requests under way on this node. */
export class Proposals {
  readonly #waiting = new Map<string, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  /** The outcome of a request that is under way already. */
  get(request: string): Promise<Proposed> | undefined {
    return this.#waiting.get(request)?.promise;
  }

  /** Waits for the outcome of `request`. */
  open(request: string): Promise<Proposed> {
    const waiting = Promise.withResolvers<Proposed>();
    this.#waiting.set(request, waiting);
    return waiting.promise;
  }

  settle(request: string, proposed: Proposed): void {
    this.#waiting.get(request)?.resolve(proposed);
    this.#waiting.delete(request);
  }

  refuse(request: string, reason: Error): void {
    this.#waiting.get(request)?.reject(reason);
    this.#waiting.delete(request);
  }

  refuseAll(reason: Error): void {
    for (const request of [...this.#waiting.keys()]) {
      this.refuse(request, reason);
    }
  }

  /** Settles those that a snapshot shows to be applied. */
  settleApplied(
    index: number,
    answerTo: (request: string) => Uint8Array | undefined,
  ): void {
    for (const request of [...this.#waiting.keys()]) {
      const answer = answerTo(request);
      if (answer !== undefined) this.settle(request, { index, answer });
    }
  }
}
