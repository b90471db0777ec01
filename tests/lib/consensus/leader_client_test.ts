import { assertEquals } from "@std/assert";
import { LeaderClient } from "../../../lib/consensus/leader_client.ts";
import type { Member } from "../../../lib/consensus/members.ts";
import { Code } from "../../../lib/errors.ts";
import { leaderKey } from "../../../lib/metadata_keys.ts";
import { decodeAnswer } from "../../../lib/state/answer.ts";
import { steadyLead, until } from "../../fixtures/metadata_cluster.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { offsetCommand, serveCluster } from "../../fixtures/cluster_server.ts";
import { leaseOf, register } from "../../fixtures/services.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

const { signal } = new AbortController();

function member(id: number, { url }: { readonly url: string }): Member {
  return { id, address: url, removed: false };
}

Deno.test("propose() has a command applied once, and tells where it stands", async () => {
  await using cluster = await StateCluster.start(1);
  await using server = await serveCluster(cluster, 1);
  await using client = new LeaderClient();
  const requestId = new Uint8Array(16).fill(7);
  const first = await client.propose(
    member(1, server),
    requestId,
    offsetCommand(5n),
    signal,
  );
  assertEquals(decodeAnswer(first.answer).offsets?.lower, []);
  const { metadata, state } = cluster.node(1).replicated;
  assertEquals(first.index, metadata.appliedIndex);
  assertEquals(state.offsets.get("s", 0)?.offset, 5n);
  const again = await client.propose(
    member(1, server),
    requestId,
    offsetCommand(5n),
    signal,
  );
  assertEquals(again.answer, first.answer);
  assertEquals(metadata.status().commit, first.index);
});

Deno.test("propose() to a node that does not lead tells who does", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  const follower = await cluster.follower();
  await using server = await serveCluster(cluster, follower);
  await using client = new LeaderClient();
  const error = await rejection(
    client.propose(
      member(follower, server),
      new Uint8Array(16),
      offsetCommand(5n),
      signal,
    ),
    Code.Unavailable,
  );
  assertEquals(error.metadata[leaderKey], [
    `${leader} http://node-${leader}:1`,
  ]);
});

Deno.test("renewLeases() tells what became of each, in their order", async () => {
  await using cluster = await StateCluster.start(1);
  await using server = await serveCluster(cluster, 1);
  await using client = new LeaderClient();
  const node = cluster.node(1);
  await until(() => node.replicated.metadata.role.role === "leader");
  const old = leaseOf("a", await register(node, "a"));
  const held = leaseOf("a", await register(node, "a"));
  const leases = [held, old, { ...held, id: "b" }, held];
  const renewals = await client.renewLeases(member(1, server), leases, signal);
  assertEquals(renewals, [
    { kind: "renewed", lastsMs: 3_000 },
    { kind: "replaced" },
    { kind: "unknown" },
    { kind: "renewed", lastsMs: 3_000 },
  ]);
});

Deno.test("status() tells how the leader sees the cluster", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  await using server = await serveCluster(cluster, leader);
  await using client = new LeaderClient();
  const { nodeId, nodes } = await client.status(
    member(leader, server),
    signal,
  );
  assertEquals(nodeId, BigInt(leader));
  assertEquals(nodes.map(({ nodeId }) => nodeId), [1n, 2n, 3n]);
});

Deno.test("close() refuses what comes later, and may come twice", async () => {
  await using cluster = await StateCluster.start(1);
  await using server = await serveCluster(cluster, 1);
  const client = new LeaderClient();
  await client.renewLeases(member(1, server), [], signal);
  await client.close();
  await client.close();
  await rejection(
    client.renewLeases(member(1, server), [], signal),
    Code.Unavailable,
  );
});
