/**
 * A client of the cluster: one operation after another, each sent to some node, and sent again under
 * its request id when no answer comes, until its patience ends. What it did and saw goes into the
 * history; every value is written once, so that the checker can tell who wrote it.
 */
import type { Metadata } from "../../lib/consensus/metadata.ts";
import { requestIdBytes } from "../../lib/metadata_keys.ts";
import {
  decodeKvAnswer,
  encodeKvCommand,
  type KvChange,
  type KvCommand,
} from "../fixtures/kv_machine.ts";
import type { Chance } from "./chance.ts";
import type { HistoryEvent } from "./history.ts";
import type { Invariants } from "./invariants.ts";
import type { Network } from "./network.ts";
import { Process, SimClock } from "./process.ts";
import type { WatchedMachine } from "./watched_machine.ts";
import type { World } from "./world.ts";

/** A node as clients call it. */
export interface Service {
  readonly process: Process;
  readonly metadata: Metadata<KvChange>;
  readonly machine: WatchedMachine;
}

/** What clients share. */
export interface ClientSite {
  readonly world: World;
  readonly network: Network;
  readonly invariants: Invariants;
  /** Numbers of the nodes that may be called. */
  readonly nodes: () => readonly number[];
  readonly service: (node: number) => Service | undefined;
  readonly history: HistoryEvent[];
  /** Highest index of which any client was told. */
  readonly acked: { index: number; count: number };
}

export interface ClientHabits {
  readonly keys: number;
  /** Time between two operations, in the mean. */
  readonly pauseMs: number;
  /** Share of operations that read. */
  readonly reads: number;
  /** Share of the values that are this large, in bytes. */
  readonly large: { readonly share: number; readonly bytes: number };
}

/** Clients have numbers of their own, so that the network can tell them from nodes. */
export const firstClient = 1_000;
/** Time after which a client gives an operation up; what became of it is unknown. */
const patienceMs = 8_000;
const retryMs = 100;

export class SimClient {
  readonly #site: ClientSite;
  readonly #habits: ClientHabits;
  readonly #number: number;
  readonly #process: Process;
  readonly #chance: Chance;
  #count = 0;
  #stopping = false;
  #idle = false;

  constructor(number: number, site: ClientSite, habits: ClientHabits) {
    this.#site = site;
    this.#habits = habits;
    this.#number = number;
    const { world } = site;
    this.#process = new Process(
      world,
      firstClient + number,
      new SimClock(world),
    );
    this.#chance = world.chance(`client ${number}`);
    this.#run();
  }

  /** Whether it has no operation under way, and begins none. */
  get idle(): boolean {
    return this.#idle;
  }

  /** Begins no further operation. */
  stop(): void {
    this.#stopping = true;
  }

  async #run(): Promise<void> {
    const { pauseMs, reads } = this.#habits;
    for (;;) {
      await this.#process.pauseFor(this.#chance.exponential(pauseMs));
      if (this.#stopping) break;
      if (this.#chance.happens(reads)) await this.#read();
      else await this.#write();
    }
    this.#idle = true;
  }

  async #read(): Promise<void> {
    const key = this.#key();
    this.#begin({ op: "get", key });
    const floor = this.#site.acked.index;
    const value = await this.#patiently(
      async ({ metadata, machine }, signal) => {
        const index = await metadata.read({ signal });
        if (index < floor) {
          this.#site.invariants.violate(
            `a read at index ${index} began after index ${floor} was acknowledged`,
          );
        }
        return { value: machine.get(key) };
      },
    );
    this.#end(value);
  }

  async #write(): Promise<void> {
    const command = this.#command();
    const bytes = encodeKvCommand(command);
    const requestId = this.#requestId();
    this.#begin(command);
    this.#end(
      await this.#patiently(async ({ metadata }, signal) => {
        const { index, answer } = await metadata.propose(bytes, {
          requestId,
          signal,
        });
        return { index, value: decodeKvAnswer(answer) };
      }),
    );
  }

  /** Tries at one node after another. Undefined when the outcome is not known. */
  async #patiently<T>(
    work: (service: Service, signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    const { world, network, nodes, service } = this.#site;
    const untilMs = world.nowMs + patienceMs;
    while (world.nowMs < untilMs) {
      const node = this.#chance.pick(nodes());
      try {
        return await network.call(
          this.#process,
          node,
          () => service(node),
          work,
        );
      } catch {
        await this.#process.pauseFor(this.#chance.exponential(retryMs));
      }
    }
    return undefined;
  }

  #begin(command: KvCommand): void {
    const { op, key } = command;
    this.#site.history.push({
      type: "invoke",
      client: this.#number,
      op,
      key,
      ...(command.op === "get" ? {} : { value: command.value }),
      ...(command.op === "cas" ? { expected: command.expected } : {}),
      time: this.#site.world.nowMs,
    });
  }

  #end(
    result:
      | { readonly value: string | null | undefined; readonly index?: number }
      | undefined,
  ): void {
    const { history, world, acked } = this.#site;
    history.push({
      type: "return",
      client: this.#number,
      outcome: result === undefined ? "unknown" : "ok",
      ...(result?.value === undefined ? {} : { value: result.value }),
      time: world.nowMs,
    });
    if (result === undefined) return;
    acked.count++;
    if (result.index !== undefined) {
      acked.index = Math.max(acked.index, result.index);
    }
  }

  #command(): KvCommand {
    const { large } = this.#habits;
    const key = this.#key();
    const draw = this.#chance.next();
    const value = `,${this.#number}.${++this.#count}`;
    if (draw < 0.3) return { op: "append", key, value };
    if (draw < 0.65) {
      const padding = this.#chance.happens(large.share) ? large.bytes : 0;
      return { op: "put", key, value: value.padStart(padding, "x") };
    }
    return { op: "cas", key, expected: this.#guess(key), value };
  }

  /** What the key may hold: what some node holds right now. */
  #guess(key: string): string | null {
    const { nodes, service } = this.#site;
    return service(this.#chance.pick(nodes()))?.machine.get(key) ?? null;
  }

  #key(): string {
    return `k${this.#chance.below(this.#habits.keys)}`;
  }

  #requestId(): Uint8Array {
    const id = new Uint8Array(requestIdBytes);
    const view = new DataView(id.buffer);
    // The first bit tells ids of clients from those that nodes make.
    view.setUint32(0, 0x8000_0000 + this.#number);
    view.setUint32(12, this.#count);
    return id;
  }
}
