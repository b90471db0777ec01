/**
 * Which instance of a service gets the next request. Unhealthy and draining ones get nothing new, and
 * none gets more at one time than it says it takes. Calls under way are counted here, so that "least
 * connections" means calls and not guesses.
 */
import { LoadBalanceStrategy } from "../../proto/messages/router.ts";
import { Ring } from "./ring.ts";

/** An instance as the register has it. */
export interface Instance {
  readonly id: string;
  /** Share of the load beside others; 0 is the same as 1. */
  readonly weight: number;
  /** Requests that it takes at one time; 0: no limit. */
  readonly maxConcurrentRequests: number;
  /** Whether it may get new requests: neither unhealthy nor draining. */
  readonly takesNew: boolean;
}

/** Which instance, or why none. */
export type Pick =
  | { readonly kind: "picked"; readonly instance: Instance }
  /** All that may get it have as much as they take. */
  | { readonly kind: "busy" }
  /** There is none that may get it. */
  | { readonly kind: "none" };

interface Slot extends Instance {
  outstanding: number;
}

const none: Pick = { kind: "none" };
const busy: Pick = { kind: "busy" };

/** Chooses among the instances of one service. */
export class Balancer {
  readonly #strategy: LoadBalanceStrategy;
  /** Those that take new requests, in order of their id. */
  #ready: readonly Slot[] = [];
  /** Calls under way by id, to instances that are no longer ready too. */
  readonly #slots: Map<string, Slot> = new Map();
  #ring: Ring<Slot> | undefined;
  #turn = 0;

  constructor(strategy: LoadBalanceStrategy) {
    this.#strategy = strategy;
  }

  /** Replaces the instances. Calls under way stay counted. */
  set(instances: readonly Instance[]): void {
    const ready = instances.filter(({ takesNew }) => takesNew)
      .toSorted((a, b) => a.id < b.id ? -1 : 1)
      .map((each) => ({ ...each, outstanding: this.outstanding(each.id) }));
    for (const [id, { outstanding }] of this.#slots) {
      if (outstanding === 0) this.#slots.delete(id);
    }
    for (const slot of ready) this.#slots.set(slot.id, slot);
    this.#ready = ready;
    this.#ring = this.#strategy === LoadBalanceStrategy.ConsistentHash
      ? new Ring(ready)
      : undefined;
  }

  /**
   * Chooses one for a request. `random` is a number in [0, 1); `hash` is that of the record's key.
   * One that `leaveOut` holds of counts as busy. The caller says `start` when it makes the call.
   */
  pick(
    random: number,
    hash: number,
    leaveOut: (id: string) => boolean = () => false,
  ): Pick {
    if (this.#ready.length === 0) return none;
    const usable = (slot: Slot): boolean => hasRoom(slot) && !leaveOut(slot.id);
    const slot = this.#choose(random, hash, usable);
    return slot && usable(slot) ? { kind: "picked", instance: slot } : busy;
  }

  /** A call to that instance begins. */
  start(id: string): void {
    const slot = this.#slots.get(id);
    if (slot) slot.outstanding++;
  }

  /** A call to that instance has ended. */
  end(id: string): void {
    const slot = this.#slots.get(id);
    if (slot && slot.outstanding > 0) slot.outstanding--;
  }

  /** Calls under way to that instance. */
  outstanding(id: string): number {
    return this.#slots.get(id)?.outstanding ?? 0;
  }

  #choose(
    random: number,
    hash: number,
    usable: (slot: Slot) => boolean,
  ): Slot | undefined {
    switch (this.#strategy) {
      case LoadBalanceStrategy.ConsistentHash:
        // Another instance would break the order of the key: better to wait.
        return this.#ring!.at(hash);
      case LoadBalanceStrategy.WeightedRandom:
        return this.#byWeight(random, usable);
      case LoadBalanceStrategy.LeastConnections:
        return this.#nextBy((slot) => slot.outstanding, usable);
      default:
        return this.#nextBy(() => 0, usable);
    }
  }

  /** The lowest by `cost` that is usable; of equal ones the next in turn. */
  #nextBy(
    cost: (slot: Slot) => number,
    usable: (slot: Slot) => boolean,
  ): Slot | undefined {
    const { length } = this.#ready;
    let best = -1;
    let bestCost = Infinity;
    for (let i = 0; i < length && bestCost > 0; i++) {
      const at = (this.#turn + i) % length;
      const slot = this.#ready[at]!;
      if (cost(slot) >= bestCost || !usable(slot)) continue;
      best = at;
      bestCost = cost(slot);
    }
    if (best < 0) return undefined;
    this.#turn = (best + 1) % length;
    return this.#ready[best];
  }

  #byWeight(
    random: number,
    usable: (slot: Slot) => boolean,
  ): Slot | undefined {
    const free = this.#ready.filter(usable);
    let rest = random * free.reduce((sum, slot) => sum + weightOf(slot), 0);
    return free.find((slot) => (rest -= weightOf(slot)) < 0) ?? free.at(-1);
  }
}

function weightOf({ weight }: Slot): number {
  return Math.max(weight, 1);
}

function hasRoom({ outstanding, maxConcurrentRequests }: Slot): boolean {
  return maxConcurrentRequests === 0 || outstanding < maxConcurrentRequests;
}
