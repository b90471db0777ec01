/** Carries a script of faults out on a cluster, and undoes all of them when the trouble is over. */
import type { Chance } from "./chance.ts";
import type { Fault, FaultKind, Victim } from "./faults.ts";
import type { Network } from "./network.ts";
import type { SimCluster } from "./sim_cluster.ts";
import type { SimNode } from "./sim_node.ts";
import type { Scheduled, World } from "./world.ts";

export class FaultInjector {
  readonly #world: World;
  readonly #network: Network;
  readonly #cluster: SimCluster;
  readonly #chance: Chance;
  readonly #script: readonly Scheduled[];
  /** How often each kind was carried out. */
  readonly counts = new Map<FaultKind, number>();
  #over = false;

  constructor(
    world: World,
    network: Network,
    cluster: SimCluster,
    script: readonly Fault[],
  ) {
    this.#world = world;
    this.#network = network;
    this.#cluster = cluster;
    this.#chance = world.chance("faults");
    this.#script = script.map((fault) =>
      world.after(fault.atMs, 0, () => this.#carryOut(fault))
    );
  }

  /** Ends all trouble: from now on nothing goes wrong. */
  heal(): void {
    this.#over = true;
    for (const fault of this.#script) fault.cancelled = true;
    const network = this.#network;
    network.heal();
    network.loss = 0;
    network.duplication = 0;
    network.slowness = 1;
    for (const node of this.#cluster.nodes.values()) {
      node.disk.fault = "none";
      node.disk.slowness = 1;
      node.disk.stalledUntilMs = 0;
      node.disk.onCommit = () => {};
      node.process?.resume();
      if (node.process === undefined) node.boot();
    }
  }

  #carryOut(fault: Fault): void {
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    switch (fault.kind) {
      case "crash":
        return this.#crash(this.#node(fault.who), fault.downMs);
      case "crashAtCommit":
        return this.#crashAtCommit(fault);
      case "powerLoss":
        for (const id of this.#cluster.ids) {
          this.#crash(this.#cluster.nodes.get(id)!, fault.downMs);
        }
        return;
      case "stop":
        return this.#stop(this.#node(fault.who), fault.downMs);
      case "pause":
        return this.#pause(this.#node(fault.who), fault.forMs, () => {});
      case "twin": {
        const node = this.#node(fault.who);
        return this.#pause(node, fault.forMs, () => node.bootTwin());
      }
      case "partition":
        return this.#partition(fault);
      case "loss":
      case "duplication": {
        const { kind, amount, forMs } = fault;
        this.#network[kind] = amount;
        return this.#until(forMs, () => this.#network[kind] = 0);
      }
      case "slowNetwork":
        this.#network.slowness = fault.amount;
        return this.#until(fault.forMs, () => this.#network.slowness = 1);
      case "clockRate":
        return this.#node(fault.who).clock.setRate(fault.amount);
      case "clockJump":
        return this.#node(fault.who).clock.jump(fault.amount);
      case "slowDisk":
      case "stallDisk":
      case "fullDisk":
      case "diskError":
        return this.#troubleDisk(fault);
      case "transfer":
      case "removeNode":
      case "demote":
      case "replaceNode":
        return this.#ask(this.#cluster[fault.kind](this.#node(fault.who).id));
      case "addNode":
      case "promote":
        return this.#ask(this.#cluster[fault.kind]());
      default:
        fault satisfies never;
    }
  }

  #crash(node: SimNode, downMs: number): void {
    node.crash();
    this.#until(downMs, () => {
      if (node.process === undefined) node.boot();
    });
  }

  #crashAtCommit(
    { who, commits, downMs }: Extract<Fault, { kind: "crashAtCommit" }>,
  ): void {
    const node = this.#node(who);
    const last = node.disk.commits + commits;
    node.disk.onCommit = () => {
      if (node.disk.commits < last) return;
      node.disk.onCommit = () => {};
      this.#crash(node, downMs);
    };
  }

  /** A graceful end: the lead is handed over first. */
  #stop(node: SimNode, downMs: number): void {
    const { up } = node;
    const end = (): void => {
      if (node.up !== up) return;
      // With the trouble over it starts again at once.
      if (this.#over) node.boot();
      else this.#crash(node, downMs);
    };
    // An event of its own: what the node did last must be seen.
    up?.node.close().then(() => void this.#world.after(0, 0, end));
  }

  #pause(node: SimNode, forMs: number, meanwhile: () => void): void {
    const { process } = node;
    if (process === undefined) return;
    process.pause();
    meanwhile();
    this.#until(forMs, () => process.resume());
  }

  #partition(
    { shape, who, forMs }: Extract<Fault, { kind: "partition" }>,
  ): void {
    const ids = this.#cluster.ids;
    const victim = this.#node(who).id;
    const network = this.#network;
    const both = (one: number, other: number): void => {
      network.cut(one, other);
      network.cut(other, one);
    };
    const others = ids.filter((id) => id !== victim);
    // The victim's side, or the two banks of a bridge; drawn anew each time.
    const left = others.filter(() => this.#chance.happens(0.5));
    const right = others.filter((id) => !left.includes(id));
    switch (shape) {
      case "halves":
        for (const one of [victim, ...left]) {
          for (const other of right) both(one, other);
        }
        break;
      case "isolate":
        for (const other of others) both(victim, other);
        break;
      case "bridge":
        for (const one of left) for (const other of right) both(one, other);
        break;
      case "oneWay":
        for (const other of others) network.cut(other, victim);
        break;
      case "mute":
        for (const other of others) network.cut(victim, other);
        break;
      default:
        shape satisfies never;
    }
    this.#until(forMs, () => network.heal());
  }

  #troubleDisk(
    fault: Extract<
      Fault,
      { kind: "slowDisk" | "stallDisk" | "fullDisk" | "diskError" }
    >,
  ): void {
    const { disk } = this.#node(fault.who);
    switch (fault.kind) {
      case "slowDisk":
        disk.slowness = fault.amount;
        return this.#until(fault.forMs, () => disk.slowness = 1);
      case "stallDisk":
        disk.stalledUntilMs = this.#world.nowMs + fault.forMs;
        return;
      case "fullDisk":
        disk.fault = "full";
        return this.#until(fault.forMs, () => disk.fault = "none");
      case "diskError":
        disk.fault = "error";
        return;
      default:
        fault satisfies never;
    }
  }

  /** An operator's wish may be refused; that is for the unit tests. */
  #ask(wish: Promise<void>): void {
    wish.catch(() => {});
  }

  #until(ms: number, end: () => void): void {
    this.#world.after(ms, 0, () => {
      if (!this.#over) end();
    });
  }

  #node(who: Victim): SimNode {
    const { leader, ids, nodes } = this.#cluster;
    if (who === "leader" && leader) return leader;
    const place = who === "leader" ? this.#chance.next() : who;
    return nodes.get(ids[Math.floor(place * ids.length)]!)!;
  }
}
