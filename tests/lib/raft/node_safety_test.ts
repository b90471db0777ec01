/**
 * Random runs of a small group, everything about which is drawn from one seed: losses, duplicates,
 * reordering, slow disks, crashes that lose what was not written, membership changes, transfers,
 * compaction and snapshots. After every step the promises of Raft are checked; at the end the group
 * is left in peace and must come to one state. A failure prints its SEED.
 */
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../../lib/random.ts";
import type { Config, Message, ReadState } from "../../../lib/raft/types.ts";
import {
  bytes,
  changes,
  describeEntry,
  members,
  type Peer,
  RaftNetwork,
  snapshotAt,
  text,
} from "../../fixtures/raft_network.ts";

const ids = [1, 2, 3, 4];

class RandomRun {
  readonly network = new RaftNetwork();
  readonly #random: () => number;
  readonly #settings: Partial<Config>;
  /** Leader of each term, and what was applied at each index, whoever said so first. */
  readonly #leaders = new Map<number, number>();
  readonly #applied = new Map<number, string>();
  readonly #toApply = new Map<number, Ready[]>();
  readonly #floors = new Map<number, { term: number; commit: number }>();
  readonly #reads = new Map<string, number>();
  #highestApplied = 0;
  #proposals = 0;
  readonly counts = { crashes: 0, snapshots: 0, leaders: 0, reads: 0 };

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#settings = {
      asyncStorageWrites: true,
      preVote: this.#random() < 0.5,
      checkQuorum: this.#random() < 0.5,
      stepDownOnRemoval: this.#random() < 0.5,
      maxInflightMessages: 1 + this.#pick(8),
      maxBytesPerMessage: 64 + this.#pick(512),
      maxCommittedBytesPerReady: 64 + this.#pick(512),
      random: this.#random,
    };
    for (const id of ids) {
      this.network.add(
        id,
        this.#settings,
        snapshotAt(1, 1, members([1, 2, 3], [4])),
      );
    }
  }

  run(steps: number): void {
    for (let at = 0; at < steps; at++) {
      this.#step();
      this.#check();
    }
    this.#heal();
  }

  #step(): void {
    const id = ids[this.#pick(ids.length)]!;
    const peer = this.network.peer(id);
    const roll = this.#random();
    if (roll < 0.3) this.#deliver();
    else if (roll < 0.42) this.#take(peer);
    else if (roll < 0.54) this.#persist(peer);
    else if (roll < 0.66) this.#apply(peer);
    else if (roll < 0.76) peer.node.tick();
    else if (roll < 0.9) {
      peer.node.propose([bytes(`p${++this.#proposals}`)]);
    } else if (roll < 0.93) this.#read(peer);
    else if (roll < 0.95) this.#change(peer);
    else if (roll < 0.96) peer.node.transferLeader(ids[this.#pick(4)]!);
    else if (roll < 0.97) this.#compact(peer);
    else if (roll < 0.975) this.#crash(id);
    else if (roll < 0.985) peer.node.reportUnreachable(ids[this.#pick(4)]!);
    else if (roll < 0.99) {
      peer.node.reportSnapshot(ids[this.#pick(4)]!, this.#random() < 0.5);
    } else peer.node.campaign();
  }

  #deliver(): void {
    const { queue } = this.network;
    for (let count = this.#pick(4); count >= 0 && queue.length > 0; count--) {
      const near = Math.min(queue.length, 12);
      const [one] = queue.splice(this.#pick(near), 1);
      const fate = this.#random();
      if (fate < 0.1 && fate > 0.05) queue.push(one!);
      this.#arrive(one!, fate > 0.05);
    }
  }

  #arrive(one: Message, ok: boolean): void {
    if (ok) this.network.node(one.to).step(one);
    if (one.type === "MsgSnap") {
      this.network.node(one.from).reportSnapshot(one.to, ok);
    }
  }

  #take(peer: Peer): void {
    if (!peer.node.hasReady()) return;
    const ready = peer.take();
    this.#toApply.get(peer.node.status().id)?.push(ready);
    this.network.sendNow(ready);
    if (ready.snapshot) this.counts.snapshots++;
    for (const read of ready.readStates) this.#checkRead(read);
    const queue = this.#queueOf(peer);
    if (!queue.includes(ready)) queue.push(ready);
  }

  /** Writes one or several jobs at once. */
  #persist(peer: Peer): void {
    const count = Math.min(peer.jobs.length, 1 + this.#pick(3));
    if (count === 0) return;
    const jobs = peer.jobs.splice(0, count);
    const snapshot = jobs.find((job) => job.snapshot);
    // The state machine is replaced by a snapshot: what was to be applied before is in it.
    if (snapshot) {
      const queue = this.#queueOf(peer);
      queue.splice(0, queue.indexOf(snapshot) + 1);
    }
    for (const job of jobs) peer.write(job);
    peer.node.durable(jobs.at(-1)!.job);
    for (const job of jobs) this.network.sendHeld(job);
  }

  #apply(peer: Peer): void {
    const queue = this.#queueOf(peer);
    while (queue[0] && queue[0].committedEntries.length === 0) queue.shift();
    const ready = queue[0];
    // Behind a snapshot that is not installed yet nothing is given out.
    if (!ready || ready.snapshot) return;
    queue.shift();
    for (const one of ready.committedEntries) {
      assertEquals(one.index, peer.applied + 1, "applied in order");
      const known = this.#applied.get(one.index);
      const said = describeEntry(one);
      assertEquals(said, known ?? said, `two entries at ${one.index}`);
      this.#applied.set(one.index, said);
      peer.apply([one]);
    }
    this.#highestApplied = Math.max(this.#highestApplied, peer.applied);
    peer.node.applied(peer.applied);
  }

  #read(peer: Peer): void {
    // Contexts repeat on purpose: an answer to an old request must not pass for a new one.
    const context = `r${this.#pick(3)}-${this.#highestApplied}`;
    this.#reads.set(context, this.#highestApplied);
    peer.node.readIndex(bytes(context));
  }

  #checkRead({ index, context }: ReadState): void {
    this.counts.reads++;
    const floor = this.#reads.get(text(context));
    assert(floor !== undefined, "a read that nobody asked for");
    assert(index >= floor, `read ${text(context)} may see only ${index}`);
  }

  #change(peer: Peer): void {
    const id = ids[this.#pick(4)]!;
    const other = ids[this.#pick(4)]!;
    const sign = () => "+-~"[this.#pick(3)];
    const steps = this.#random() < 0.6
      ? `${sign()}${id}`
      : `${sign()}${id} ${sign()}${other}`;
    // Never fewer than two voters: a group of one that crashes is out of reach for the heal.
    const gone = changes(steps).filter(({ type }) => type !== "addNode");
    const voters = peer.membership.voters.filter((one) =>
      !gone.some(({ nodeId }) => nodeId === one)
    );
    if (voters.length < 2 && this.#random() < 0.9) return;
    peer.node.proposeConfChange({
      version: 2,
      transition: this.#random() < 0.7 ? "auto" : "jointImplicit",
      changes: changes(steps),
      context: new Uint8Array(0),
    });
  }

  #compact(peer: Peer): void {
    const snapshot = peer.storage.snapshot();
    if (!snapshot || snapshot.index <= peer.storage.firstIndex()) return;
    peer.storage.createSnapshot(
      snapshot.index,
      snapshot.confState,
      snapshot.data,
    );
    peer.storage.compact(snapshot.index - this.#pick(3));
  }

  /** The node starts again from what its disk holds. */
  #crash(id: number): void {
    this.counts.crashes++;
    const { storage } = this.network.peer(id);
    this.#toApply.delete(id);
    this.network.start(id, storage, this.#settings);
    this.#floors.delete(id);
  }

  #check(): void {
    for (const id of ids) {
      const { term, commit, role, applied } = this.network.node(id).status();
      const floor = this.#floors.get(id) ?? { term: 0, commit: 0 };
      assert(term >= floor.term && commit >= floor.commit, "a mark fell");
      assert(applied <= commit, "applied past the commit index");
      this.#floors.set(id, { term, commit });
      if (role !== "leader") continue;
      if (!this.#leaders.has(term)) this.counts.leaders++;
      assertEquals(this.#leaders.get(term) ?? id, id, `two lead term ${term}`);
      this.#leaders.set(term, id);
    }
  }

  /** No more faults: somebody must lead, and all that follow it hold its state. */
  #heal(): void {
    for (let round = 0; round < 400; round++) {
      for (const id of ids) {
        const peer = this.network.peer(id);
        for (let at = 0; at < 6; at++) {
          this.#take(peer);
          this.#persist(peer);
          this.#apply(peer);
        }
      }
      const due: Message[] = this.network.queue.splice(0);
      for (const one of due) this.#arrive(one, true);
      this.#check();
      if (round % 4 === 0) { for (const id of ids) this.network.tick(id); }
      if (round > 80 && this.#settled()) return;
      const leader = this.#leader();
      if (round % 40 === 20 && leader) {
        leader.node.propose([bytes(`end${round}`)]);
      }
    }
    const states = ids.map((id) =>
      JSON.stringify(this.network.node(id).status())
    );
    throw new Error(`the group does not recover:\n${states.join("\n")}`);
  }

  #leader(): Peer | undefined {
    return [...this.network.peers.values()]
      .filter(({ node }) => node.status().role === "leader")
      .sort((one, other) => other.node.status().term - one.node.status().term)
      .at(0);
  }

  #settled(): boolean {
    const leader = this.#leader();
    if (!leader) return false;
    const { commit, peers, voters, learners } = leader.node.status();
    if (leader.applied !== commit || leader.storage.lastIndex() !== commit) {
      return false;
    }
    const rest = [...voters, ...learners];
    if (!peers.every(({ match }) => match === commit)) return false;
    return rest.every((id) => {
      const peer = this.network.peer(id);
      if (peer.applied !== commit) return false;
      assertEquals(peer.state, leader.state);
      return true;
    });
  }

  #queueOf(peer: Peer): Ready[] {
    const { id } = peer.node.status();
    const queue = this.#toApply.get(id) ?? [];
    this.#toApply.set(id, queue);
    return queue;
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count);
  }
}

type Ready = ReturnType<Peer["take"]>;

Deno.test("RaftNode keeps its promises in random runs with faults", () => {
  const total = { crashes: 0, snapshots: 0, leaders: 0, reads: 0 };
  for (let seed = 1; seed <= 40; seed++) {
    const run = new RandomRun(seed);
    try {
      run.run(3000);
    } catch (cause) {
      throw new Error(`a random run failed, SEED=${seed}`, { cause });
    }
    for (const key of Object.keys(total) as (keyof typeof total)[]) {
      total[key] += run.counts[key];
    }
  }
  // The runs are worth nothing if the faults do not happen.
  assert(total.crashes > 100 && total.snapshots > 20, JSON.stringify(total));
  assert(total.leaders > 200 && total.reads > 20, JSON.stringify(total));
});
