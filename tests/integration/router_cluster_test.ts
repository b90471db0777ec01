/**
 * Goal: three routers act as one: any of them takes any call and any record, and nothing that was
 * confirmed is forgotten when one dies; a fourth one is taken in, and one is let go.
 * Method: `server.ts` in three processes, killed without a word; connectors and clients in this one.
 * Without leak checks: grpc-js leaves the backoff timer of a node that went away.
 */
import { assert, assertEquals } from "@std/assert";
import {
  AckStatus,
  AdminClient,
  ClusterClient,
  NodeSuffrage,
  SourceClient,
} from "@conveyor/grpc";
import { serveSink } from "@conveyor/grpc/connector";
import { exitCodes } from "../../lib/exit_codes.ts";
import { freePorts } from "../fixtures/free_ports.ts";
import { RouterCluster, RouterNode } from "../fixtures/router_cluster.ts";
import { line, numberOf, numbers } from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

test("a cluster of routers takes records at every node, and goes on without its leader", async () => {
  await using cluster = await RouterCluster.start();
  const [, second] = cluster.nodes;
  const stored = new Set<number>();
  await using _sink = await serveSink(
    (record) => void stored.add(numberOf(record)),
    {
      address: "127.0.0.1:0",
      signals: false,
      register: {
        router: cluster.urls,
        service: { serviceId: "store-1", name: "store" },
        heartbeatIntervalMs: 500,
      },
    },
  );
  {
    await using admin = await AdminClient.connect(second!.url);
    await admin.createPipeline(line("store"));
  }
  let first = 1;
  for (const { url } of cluster.nodes) {
    await using source = await SourceClient.connect(url, "numbers");
    const outcomes = await source.push(numbers(100, first));
    assert(outcomes.every(({ status }) => status === AckStatus.Accepted));
    first += 100;
  }
  await untilCommitted(cluster.urls[0]!, BigInt(first));
  await using members = await ClusterClient.connect(cluster.urls);
  const { leader } = await members.listNodes();
  const led = cluster.nodes.find(({ id }) => BigInt(id) === leader?.nodeId)!;
  await led.kill();
  for (const node of cluster.nodes.filter(({ runs }) => runs)) {
    await using admin = await AdminClient.connect(node.url);
    assertEquals((await admin.listPipelines()).map(({ id }) => id), ["line"]);
    await using source = await SourceClient.connect(node.url, "numbers");
    assertEquals(
      await source.resumePositions(),
      new Map([[0, BigInt(first)]]),
    );
    await source.push(numbers(100, first));
    first += 100;
    await untilCommitted(node.url, BigInt(first));
  }
  led.start();
  await led.ready();
  await using source = await SourceClient.connect(led.url, "numbers");
  await source.push(numbers(100, first));
  assertEquals(stored.size, first + 99);
});

test("a node is taken in by --join, gets its vote, outlives a restart of all, and is let go for good", async () => {
  await using cluster = await RouterCluster.start();
  const fourth = cluster.newcomer(4);
  {
    await using admin = await AdminClient.connect(cluster.urls[0]!);
    await admin.createPipeline(line("store"));
  }
  fourth.start();
  await fourth.ready();
  await using members = await ClusterClient.connect(cluster.urls);
  await untilVoter(members, 4n);
  const codes = await Promise.all(cluster.nodes.map((node) => node.stop()));
  assertEquals(codes, [0, 0, 0, 0]);
  for (const node of cluster.nodes) node.start();
  for (const node of cluster.nodes) await node.ready();
  await using admin = await AdminClient.connect(fourth.url);
  assertEquals((await admin.listPipelines()).map(({ id }) => id), ["line"]);
  const left = await members.removeNode(4n);
  assertEquals(left.map(({ nodeId }) => nodeId), [1n, 2n, 3n]);
  await fourth.kill();
  const again = fourth.start();
  assertEquals(await again.ended(), exitCodes.configuration);
  await again.line("Cannot talk to node 4: it was removed");
});

test("a node without a disk of its own does not join under the id of another, nor of one that was let go", async () => {
  await using cluster = await RouterCluster.start(1);
  const [first] = cluster.nodes;
  const other = cluster.newcomer(1, `${cluster.folder}/other`);
  const refused = other.start();
  assertEquals(await refused.ended(), exitCodes.configuration);
  await refused.line(
    "Cannot join as node 1: the cluster has a node of that id",
  );
  await using members = await ClusterClient.connect(first!.url);
  const { nodes } = await members.listNodes();
  assertEquals(nodes.map(({ address }) => address), [`http://${first!.raft}`]);
  await members.addNode({
    nodeId: 2n,
    address: "http://127.0.0.1:1",
    learner: true,
  });
  await members.removeNode(2n);
  const late = cluster.newcomer(2).start();
  assertEquals(await late.ended(), exitCodes.configuration);
  await late.line("was removed");
});

test("a second node under the id of the leader ends, and the leader goes on", async () => {
  await using cluster = await RouterCluster.start();
  await using members = await ClusterClient.connect(cluster.urls);
  const { leader } = await members.listNodes();
  const peers = cluster.nodes.map(({ id, raft }) => `${id}=${raft}`);
  const ports = freePorts(2) as [number, number];
  const second = new RouterNode(
    Number(leader!.nodeId),
    `${cluster.folder}/other`,
    ports,
    ["--peers", peers.join()],
  );
  cluster.nodes.push(second);
  const process = second.start();
  assertEquals(await process.ended(), exitCodes.configuration);
  await process.line("its disk was wiped, or two nodes have its id");
  const after = await members.listNodes();
  assertEquals(after.leader, leader);
});

test("a node that was given other peers than those it dials is told so, and whose its directory is", async () => {
  await using cluster = await RouterCluster.start(1);
  const [first] = cluster.nodes;
  const strayOf = (peers: string) => {
    const ports = freePorts(2) as [number, number];
    const own = `2=127.0.0.1:${ports[1]}`;
    const stray = new RouterNode(2, cluster.folder, ports, [
      "--peers",
      `${peers},${own}`,
    ]);
    cluster.nodes.push(stray);
    return stray;
  };
  const stray = strayOf(`1=${first!.raft}`);
  const process = stray.start();
  const refused = await process.line("A peer refuses this node");
  assert(refused.includes("belongs to cluster"), refused);
  const waits = await process.line("waits for a majority");
  assert(waits.includes("reason="), waits);
  await stray.kill();
  await strayOf("1=127.0.0.1:1").start().line(
    "The data directory is of a cluster that began with other peers",
  );
});

/** Waits until the next record to resume from is this one: offsets are committed now and then. */
async function untilCommitted(url: string, next: bigint): Promise<void> {
  await using source = await SourceClient.connect(url, "numbers");
  await until(async () => (await source.resumePositions()).get(0) === next);
}

/** Waits until a node has its vote; it is told by nobody, so it is asked for. */
async function untilVoter(members: ClusterClient, id: bigint): Promise<void> {
  await until(async () => {
    const { nodes } = await members.listNodes();
    const node = nodes.find(({ nodeId }) => nodeId === id);
    return node?.suffrage === NodeSuffrage.Voter;
  });
}
