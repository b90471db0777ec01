/**
 * Goal: every method of every service of the contract answers in each order that matters, whichever
 * node of a cluster is asked, and no method is left out.
 * Method: three routers, each `server.ts` in a process of its own, and real connectors; the same walks
 * through a follower and through the leader. What the schema has and no walk calls fails the test.
 */
import { assertEquals } from "@std/assert";
import { ClusterClient } from "@conveyor/grpc";
import { serveSink } from "@conveyor/grpc/connector";
import protobuf from "protobufjs";
import type { NamespaceBase } from "protobufjs";
import { Code } from "../../lib/errors.ts";
import type { RaftTransportMethods } from "../../proto/messages/cluster.ts";
import { schema } from "../../proto/schema.ts";
import { serviceOf } from "../../proto/service.ts";
import { RouterCluster } from "../fixtures/router_cluster.ts";
import { adminWalks } from "./every_method/admin_walks.ts";
import { backupWalks } from "./every_method/backup_walks.ts";
import { type Called, Calls } from "./every_method/calls.ts";
import { clusterWalks, leaderWalk } from "./every_method/cluster_walks.ts";
import { connectors } from "./every_method/connectors.ts";
import { letterWalks } from "./every_method/letter_walks.ts";
import { progressWalks } from "./every_method/progress_walks.ts";
import { recordWalks } from "./every_method/record_walks.ts";
import { registryWalks } from "./every_method/registry_walks.ts";
import { sidecarWalks } from "./every_method/sidecar_walks.ts";

const raft = serviceOf<RaftTransportMethods>("conveyor.cluster.RaftTransport");
const walks = [
  ...registryWalks,
  ...progressWalks,
  ...adminWalks,
  ...sidecarWalks,
  ...recordWalks,
  ...letterWalks,
  ...clusterWalks,
  ...backupWalks,
];

Deno.test("every method of every service, through a follower and through the leader", async (t) => {
  const called: Called = new Map();
  await using cluster = await RouterCluster.start();
  await using _store = await serveSink(() => {}, {
    address: "127.0.0.1:0",
    signals: false,
    register: {
      router: cluster.urls,
      service: { serviceId: "store-1", name: "store" },
    },
  });
  const [leads, follows] = await byRole(cluster);
  await using leader = await Calls.of(leads, called);
  await using follower = await Calls.of(follows, called);
  for (const [at, { title, run }] of walks.entries()) {
    await t.step(`${title}, through a follower`, async () => {
      await run(follower, leader, `follower-${at}`);
    });
    await t.step(`${title}, through the leader`, async () => {
      await run(leader, follower, `leader-${at}`);
    });
  }
  await t.step(leaderWalk.title, () => leaderWalk.run(leader, follower, ""));
  await t.step("connectors, each without a router", () => connectors(called));
  await t.step("what nodes say to each other, refused to others", async () => {
    await using peer = await Calls.of(
      `http://${cluster.nodes[0]!.raft}`,
      called,
    );
    for (const method of Object.values(raft.methods)) {
      await peer.refuses<unknown, unknown>(Code.InvalidArgument, method, {});
    }
  });
  await t.step("no method is left out", () => {
    const paths = methodPaths(schema);
    const unanswered = paths.filter((path) => !called.get(path));
    assertEquals(paths.filter((path) => !called.has(path)), []);
    assertEquals(
      unanswered,
      Object.values(raft.methods).map(({ path }) => path),
    );
  });
});

/** Of all services there are. */
function methodPaths(namespace: NamespaceBase): string[] {
  return namespace.nestedArray.flatMap((part) =>
    part instanceof protobuf.Service
      ? part.methodsArray.map(({ name }) =>
        `/${part.fullName.slice(1)}/${name}`
      )
      : "nestedArray" in part
      ? methodPaths(part as NamespaceBase)
      : []
  );
}

/** The leader, and one that follows it. */
async function byRole(
  { nodes, urls }: RouterCluster,
): Promise<[leader: string, follower: string]> {
  await using members = await ClusterClient.connect(urls);
  const { leader } = await members.listNodes();
  const isLeader = ({ id }: { id: number }) => BigInt(id) === leader?.nodeId;
  return [
    nodes.find(isLeader)!.url,
    nodes.find((node) => !isLeader(node))!.url,
  ];
}
