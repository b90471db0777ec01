import { assertEquals, assertThrows } from "@std/assert";
import type { Hello } from "../../../lib/consensus/transport.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { ListMachine } from "../../fixtures/list_machine.ts";
import {
  MetadataCluster,
  steadyLead,
  until,
} from "../../fixtures/metadata_cluster.ts";

/** A cluster whose lead stays where it is. */
function startCluster(): Promise<MetadataCluster<string, ListMachine>> {
  return MetadataCluster.start(3, () => new ListMachine(), steadyLead);
}

/** A cluster whose leader was acknowledged everything by a follower, and what that says of itself. */
async function acknowledged(
  cluster: MetadataCluster<string, ListMachine>,
): Promise<{ leader: number; hello: Hello }> {
  const leader = await cluster.leader();
  const metadata = cluster.metadata(leader);
  const follower = cluster.ids.find((id) => id !== leader)!;
  await metadata.propose(new Uint8Array([1]));
  await until(() => {
    const { peers, commit } = metadata.status();
    return peers.find(({ id }) => id === follower)!.match === commit;
  });
  const standing = cluster.node(follower).peer.standing();
  return { leader, hello: { ...standing, version: 1, stream: 1 } };
}

function refused(admit: () => void): Code {
  return assertThrows(admit, ConveyorError).code;
}

Deno.test("RaftPeer admit() refuses a log that went back behind what it acknowledged", async () => {
  await using cluster = await startCluster();
  const { leader, hello } = await acknowledged(cluster);
  const { peer } = cluster.node(leader);
  peer.admit(hello, true);
  const { lastIndex, term } = hello;
  const shorter = { ...hello, lastIndex: lastIndex - 1 };
  assertEquals(refused(() => peer.admit(shorter, true)), Code.DataLoss);
  // A wiped disk has forgotten the term too.
  for (const before of [0, term - 1]) {
    const wiped = { ...hello, lastIndex: 0, term: before };
    assertEquals(refused(() => peer.admit(wiped, true)), Code.DataLoss);
  }
  // In a later term another leader may have cut it short.
  peer.admit({ ...shorter, term: term + 1 }, true);
});

Deno.test("RaftPeer admit() asks nothing of a log where none was claimed", async () => {
  await using cluster = await startCluster();
  const { leader, hello } = await acknowledged(cluster);
  const none = { ...hello, lastIndex: 0, lastTerm: 0, term: 0 };
  cluster.node(leader).peer.admit(none, false);
});

Deno.test("RaftPeer admit() refuses who is no member, and who was removed", async () => {
  await using cluster = await startCluster();
  const { leader, hello } = await acknowledged(cluster);
  const { peer } = cluster.node(leader);
  const stranger = { ...hello, nodeId: 9, memberAt: 0, address: "" };
  assertEquals(refused(() => peer.admit(stranger, true)), Code.NotFound);
  await cluster.metadata(leader).changeMembership([
    { type: "removeNode", nodeId: hello.nodeId },
  ]);
  assertEquals(
    refused(() => peer.admit(hello, true)),
    Code.FailedPrecondition,
  );
});

Deno.test("RaftPeer admit() hears who was removed until the joint membership is left", async () => {
  await using cluster = await startCluster();
  const { leader, hello } = await acknowledged(cluster);
  const { peer } = cluster.node(leader);
  const other = cluster.ids.find((id) => id !== leader && id !== hello.nodeId)!;
  await cluster.crash(other);
  // Without the other node and the new one the second half cannot agree to leave the first.
  await cluster.metadata(leader).changeMembership([
    { type: "removeNode", nodeId: hello.nodeId },
    { type: "addNode", nodeId: 9 },
  ], "http://node-9:1");
  peer.admit({ ...hello, lastIndex: hello.lastIndex + 1 }, true);
  await cluster.boot(other);
  await until(() =>
    cluster.metadata(leader).status().votersOutgoing.length === 0
  );
  assertEquals(
    refused(() => peer.admit(hello, true)),
    Code.FailedPrecondition,
  );
});

Deno.test("RaftPeer admit() lets in who became a member behind what this node has applied", async () => {
  await using cluster = await startCluster();
  const { leader, hello } = await acknowledged(cluster);
  const { peer } = cluster.node(leader);
  const { appliedIndex } = cluster.metadata(leader);
  const later = {
    ...hello,
    nodeId: 9,
    address: "http://node-9:1",
    memberAt: appliedIndex + 1,
  };
  peer.admit(later, true);
  // Where this node knows the log, it knows the members.
  const now = { ...later, memberAt: appliedIndex };
  assertEquals(refused(() => peer.admit(now, true)), Code.NotFound);
  const nowhere = { ...later, address: "" };
  assertEquals(refused(() => peer.admit(nowhere, true)), Code.NotFound);
});

Deno.test("RaftPeer standing() says where the node is dialled as long as it is a member", async () => {
  await using cluster = await startCluster();
  const { leader, hello } = await acknowledged(cluster);
  assertEquals(hello.address, `http://node-${hello.nodeId}:1`);
  await cluster.metadata(leader).changeMembership([
    { type: "removeNode", nodeId: leader },
  ]);
  const { address, memberAt } = cluster.node(leader).peer.standing();
  assertEquals([address, memberAt], ["", 0]);
});
