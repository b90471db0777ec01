/**
 * The states that the commands of one log lead to, whichever node applied them first: every other must
 * come to the same ones, at the same indexes, and no command may count twice.
 */

/** The state that the first applied command of an index has led to. */
export interface AppliedState {
  readonly index: number;
  readonly digest: number;
}

export class AppliedStates {
  /** Ascending by index. */
  readonly #states: AppliedState[];
  readonly #digests = new Set<number>();
  readonly #commands = new Map<string, number>();

  /** `digest` is that of the state in which every node begins. */
  constructor(digest: number) {
    this.#states = [{ index: 0, digest }];
    this.#digests.add(digest);
  }

  /** Whether some index has led to a state with this digest. */
  has(digest: number): boolean {
    return this.#digests.has(digest);
  }

  /** The state after the last command at or before `index`. */
  at(index: number): AppliedState {
    let low = 0;
    let high = this.#states.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#states[middle]!.index <= index) low = middle;
      else high = middle - 1;
    }
    return this.#states[low]!;
  }

  /** What is wrong with a command that a node has applied, if anything is. */
  applied(
    node: number,
    index: number,
    digest: number,
    command: string,
  ): string | undefined {
    const known = this.at(index);
    if (known.index === index) {
      return known.digest === digest
        ? undefined
        : `node ${node} holds another state at index ${index}`;
    }
    if (index < this.#states.at(-1)!.index) {
      return `node ${node} applied a command at index ${index}, where others had none`;
    }
    this.#states.push({ index, digest });
    this.#digests.add(digest);
    const earlier = this.#commands.get(command);
    this.#commands.set(command, index);
    return earlier === undefined
      ? undefined
      : `node ${node} applied one command at index ${earlier} and at ${index}`;
  }
}
