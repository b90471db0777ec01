/**
 * Three nodes whose Raft messages travel over real sockets: they elect, replicate, and go on when the
 * leader is gone; one that was away for long gets a snapshot, also from a leader that it has never
 * heard of. Without leak checks, for the reason
 * that grpc_transport_faults_test.ts gives.
 */
import { assert, assertEquals } from "@std/assert";
import { GrpcTransport } from "../../lib/consensus/grpc_transport.ts";
import type { Member } from "../../lib/consensus/members.ts";
import type { LeaderPort } from "../../lib/consensus/metadata.ts";
import { MetadataNode } from "../../lib/consensus/metadata_node.ts";
import { PeerGate } from "../../lib/consensus/peer_gate.ts";
import { Replicated } from "../../lib/consensus/replicated.ts";
import { resolveConsensusOptions } from "../../lib/consensus/settings.ts";
import type { RaftPeerPort } from "../../lib/consensus/transport.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { RaftHandler } from "../../lib/handlers/raft_handler.ts";
import { RpcServer } from "../../lib/rpc/server.ts";
import { MemoryDisk, MemoryStore } from "../../lib/storage/memory_store.ts";
import { ListMachine } from "../fixtures/list_machine.ts";
import { until } from "../fixtures/metadata_cluster.ts";
import { raftService } from "../fixtures/raft_peer.ts";

const ids = [1, 2, 3];
const command = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Writes go to the leader in this test, so nobody forwards. */
const nobody: LeaderPort = {
  propose: () =>
    Promise.reject(
      new ConveyorError(Code.Unavailable, "Cannot forward in this test"),
    ),
};

/** A node with its server; the server listens before the node is there, as the others need its address. */
class Node implements AsyncDisposable {
  readonly id: number;
  readonly disk: MemoryDisk;
  readonly machine = new ListMachine();
  url = "";
  snapshots = 0;
  running!: MetadataNode<string>;
  readonly #gate: PeerGate;
  readonly #handler: RaftHandler;
  readonly #server: RpcServer;
  #store!: MemoryStore;

  constructor(id: number, disk = new MemoryDisk()) {
    this.id = id;
    this.disk = disk;
    const port: RaftPeerPort = {
      standing: () => this.running.peer.standing(),
      admit: (hello, claims) => this.running.peer.admit(hello, claims),
      receive: (messages) => this.running.peer.receive(messages),
      receiveSnapshot: (manifest) =>
        this.running.peer.receiveSnapshot(manifest),
      snapshotReceived: (message) => {
        this.snapshots++;
        this.running.peer.snapshotReceived(message);
      },
    };
    this.#gate = new PeerGate(port);
    this.#handler = new RaftHandler(port, this.#gate);
    this.#server = new RpcServer(undefined, () => {});
  }

  async listen(address = "127.0.0.1:0"): Promise<void> {
    this.#server.add(raftService, this.#handler);
    this.url = `http://${await this.#server.listen(address)}`;
  }

  /** Starts it as one of the first three, or as one that joins them. */
  async start(members: readonly Member[]): Promise<void> {
    const first = {
      confState: {
        voters: ids,
        votersOutgoing: [],
        learners: [],
        learnersNext: [],
        autoLeave: false,
      },
      chunks: new Replicated(new ListMachine(), members).snapshot(),
    };
    this.#store = await MemoryStore.open(
      { clusterId: "test", nodeId: this.id },
      ids.includes(this.id) ? first : undefined,
      this.disk,
    );
    this.running = await MetadataNode.start({
      store: this.#store,
      members,
      machine: this.machine,
      connect: (events) =>
        new GrpcTransport(this.#gate, events, { peerDeadMs: 300 }),
      leader: nobody,
      settings: resolveConsensusOptions({
        heartbeatIntervalMs: 30,
        electionTimeoutMs: 300,
        snapshotLogBytes: 20_000,
        logTailEntries: 10,
      }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.abandon();
    this.#handler.close();
    await this.#server.close();
    await this.#store.close();
  }
}

async function leaderOf(nodes: readonly Node[]): Promise<Node> {
  return await until(() =>
    nodes.find(({ running }) => running.metadata.role.role === "leader")
  );
}

Deno.test({
  name:
    "three nodes over gRPC elect, replicate, lose their leader and take it back",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const nodes = ids.map((id) => new Node(id));
    await Promise.all(nodes.map((node) => node.listen()));
    const members = nodes.map(({ id, url }) => ({
      id,
      address: url,
      removed: false,
    }));
    await Promise.all(nodes.map((node) => node.start(members)));
    await using stack = new AsyncDisposableStack();

    const first = await leaderOf(nodes);
    const written = Array.from({ length: 200 }, (_, at) => `a ${at}`);
    await Promise.all(
      written.map((text) => first.running.metadata.propose(command(text))),
    );
    for (const node of nodes) {
      await until(() => node.machine.list.length === written.length);
    }

    const rest = nodes.filter((node) => node !== first);
    for (const node of rest) stack.use(node);
    await first[Symbol.asyncDispose]();
    const second = await leaderOf(rest);
    const more = Array.from(
      { length: 300 },
      (_, at) => `${"b".repeat(200)} ${at}`,
    );
    for (const text of more) {
      await second.running.metadata.propose(command(text));
    }

    const back = stack.use(new Node(first.id, first.disk));
    await back.listen(new URL(first.url).host);
    await back.start(members);
    await until(() => back.machine.list.length === 500);
    assertEquals([...back.machine.list].sort(), [...written, ...more].sort());
    assertEquals(back.machine.list, second.machine.list);
    assert(back.snapshots > 0);
  },
});

Deno.test({
  name: "a node that was away while another joined follows it when it leads",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const nodes = [...ids, 4].map((id) => new Node(id));
    await Promise.all(nodes.map((node) => node.listen()));
    const members = nodes.map(({ id, url }) => ({
      id,
      address: url,
      removed: false,
    }));
    const old = nodes.slice(0, 3);
    const joining = nodes[3]!;
    await using stack = new AsyncDisposableStack();
    for (const node of old) await node.start(members.slice(0, 3));
    await joining.start(members);
    const leader = await leaderOf(old);
    const away = old.find((node) => node !== leader)!;
    for (const node of nodes) if (node !== away) stack.use(node);
    await away[Symbol.asyncDispose]();

    const { metadata } = leader.running;
    const nodeId = joining.id;
    for (const type of ["addLearner", "addNode"] as const) {
      await metadata.changeMembership([{ type, nodeId }], joining.url);
    }
    await metadata.propose(command("before"));
    await until(() => joining.machine.list.length === 1);
    assert(await metadata.transferLeader(nodeId, 5_000));
    await leaderOf([joining]);

    const back = stack.use(new Node(away.id, away.disk));
    await back.listen(new URL(away.url).host);
    await back.start(members.slice(0, 3));
    await until(() => back.machine.list.length === 1);
    assertEquals(back.running.metadata.role.lead, nodeId);
  },
});
