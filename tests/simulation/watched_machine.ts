/** The key-value machine of tests, with whatever it does told to the invariants. */
import { type KvChange, KvMachine } from "../fixtures/kv_machine.ts";
import type {
  Applied,
  AppliedAt,
  StateMachine,
} from "../../lib/consensus/state_machine.ts";
import type { Invariants } from "./invariants.ts";
import type { Restoration } from "../../lib/state/types.ts";

/** Every byte is a character. */
const latin1 = new TextDecoder("latin1");

export class WatchedMachine implements StateMachine<KvChange> {
  readonly #node: number;
  readonly #invariants: Invariants;
  readonly #machine = new KvMachine();

  constructor(node: number, invariants: Invariants) {
    this.#node = node;
    this.#invariants = invariants;
  }

  get digest(): number {
    return this.#machine.digest;
  }

  get(key: string): string | null {
    return this.#machine.get(key);
  }

  apply(command: Uint8Array, at: AppliedAt): Applied<KvChange> {
    const applied = this.#machine.apply(command, at);
    const { digest } = this.#machine;
    this.#invariants.applied(
      this.#node,
      at.index,
      digest,
      latin1.decode(command),
    );
    return applied;
  }

  snapshot(): Iterable<Uint8Array> {
    return this.#machine.snapshot();
  }

  restoring(): Restoration {
    const restoration = this.#machine.restoring();
    return {
      push: (chunk) => restoration.push(chunk),
      finish: () => {
        restoration.finish();
        this.#invariants.restored(this.#node, this.#machine.digest);
      },
    };
  }
}
