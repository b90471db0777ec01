import { assert, assertEquals, assertThrows } from "@std/assert";
import type { LeaseRenewal } from "../../../lib/consensus/lease_keeper.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import {
  leaseRenewalsWaitingMax,
  leaseRenewalsWaitMs,
  leaseSweepMs,
} from "../../../lib/limits.ts";
import { healthOf } from "../../../lib/state/services.ts";
import { HealthStatus } from "../../../proto/messages/common.ts";
import type { LeaseRef } from "../../../proto/messages/state.ts";
import { steadyLead, until } from "../../fixtures/metadata_cluster.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { leaseOf, register } from "../../fixtures/services.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

/** A renewal at a node that gathers: time passes until its answer is there. */
async function renewed(
  cluster: StateCluster,
  id: number,
  lease: LeaseRef,
): Promise<LeaseRenewal> {
  let renewal: LeaseRenewal | undefined;
  let failed: unknown;
  Promise.resolve(cluster.node(id).leases.renew(lease)).then(
    (done) => renewal = done,
    (error) => failed = error,
  );
  await cluster.time.advance(leaseRenewalsWaitMs);
  await until(() => renewal !== undefined || failed !== undefined);
  if (failed !== undefined) throw failed;
  return renewal!;
}

/** How a service is on a node; undefined: it is not there. */
function health(
  cluster: StateCluster,
  id: number,
  serviceId: string,
): HealthStatus | undefined {
  const service = cluster.node(id).replicated.state.services.get(serviceId);
  return service && healthOf(service);
}

async function untilHealth(
  cluster: StateCluster,
  id: number,
  serviceId: string,
  status: HealthStatus | undefined,
): Promise<void> {
  await until(() => health(cluster, id, serviceId) === status);
}

/** The leader, once it keeps leases. */
async function keeper(cluster: StateCluster): Promise<number> {
  const leader = await cluster.raft.leader();
  await until(() => {
    try {
      return cluster.node(leader).leases.renewAll([]);
    } catch {
      return false;
    }
  });
  return leader;
}

Deno.test("LeaseKeeper ends a lease that nobody renews: unhealthy first, gone one time-to-live later", async () => {
  await using cluster = await StateCluster.start(1);
  await keeper(cluster);
  await register(cluster.node(1), "a");
  await cluster.time.advance(3_000 - 1);
  assertEquals(health(cluster, 1, "a"), HealthStatus.Healthy);
  await cluster.time.advance(1 + leaseSweepMs);
  await untilHealth(cluster, 1, "a", HealthStatus.Unhealthy);
  await cluster.time.advance(3_000 - leaseSweepMs - 1);
  assertEquals(health(cluster, 1, "a"), HealthStatus.Unhealthy);
  await cluster.time.advance(1 + leaseSweepMs);
  await untilHealth(cluster, 1, "a", undefined);
});

Deno.test("renew() holds a lease for as long as it comes, without an entry in the log", async () => {
  await using cluster = await StateCluster.start(1);
  await keeper(cluster);
  const { leases, replicated } = cluster.node(1);
  const lease = leaseOf("a", await register(cluster.node(1), "a"));
  const { commit } = replicated.metadata.status();
  for (let second = 0; second < 60; second++) {
    await cluster.time.advance(1_000);
    assertEquals(await leases.renew(lease), {
      kind: "renewed",
      lastsMs: 3_000,
    });
  }
  assertEquals(health(cluster, 1, "a"), HealthStatus.Healthy);
  assertEquals(replicated.metadata.status().commit, commit);
  assertEquals(leases.heardAtMs(lease), cluster.time.nowMs());
});

Deno.test("renew() of a lease that ran out makes its holder healthy again", async () => {
  await using cluster = await StateCluster.start(1);
  await keeper(cluster);
  const { leases } = cluster.node(1);
  const lease = leaseOf("a", await register(cluster.node(1), "a"));
  await cluster.time.advance(3_000 + leaseSweepMs);
  await untilHealth(cluster, 1, "a", HealthStatus.Unhealthy);
  assertEquals((await leases.renew(lease)).kind, "renewed");
  await untilHealth(cluster, 1, "a", HealthStatus.Healthy);
  await cluster.time.advance(2_000);
  assertEquals(health(cluster, 1, "a"), HealthStatus.Healthy);
});

Deno.test("renew() tells a replaced registration from one that is not known", async () => {
  await using cluster = await StateCluster.start(3);
  const leader = await keeper(cluster);
  const follower = await cluster.follower();
  const first = leaseOf("a", await register(cluster.node(follower), "a"));
  const second = leaseOf("a", await register(cluster.node(leader), "a"));
  for (const id of [leader, follower]) {
    assertEquals((await renewed(cluster, id, first)).kind, "replaced");
    assertEquals((await renewed(cluster, id, second)).kind, "renewed");
    const unknown = await renewed(cluster, id, { ...first, id: "b" });
    assertEquals(unknown.kind, "unknown");
  }
});

Deno.test("renew() on a follower goes to the leader with all that came in the same time", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  await keeper(cluster);
  const node = cluster.node(await cluster.follower());
  const ids = Array.from({ length: 50 }, (_, at) => `s${at}`);
  const leases = await Promise.all(
    ids.map(async (id) => leaseOf(id, await register(node, id))),
  );
  cluster.renewalCalls.length = 0;
  const renewals = Promise.all(leases.map((each) => node.leases.renew(each)));
  await cluster.time.advance(leaseRenewalsWaitMs);
  assert((await renewals).every(({ kind }) => kind === "renewed"));
  assertEquals(cluster.renewalCalls, [50]);
});

Deno.test("a lease outlives the leader that kept it, and runs out under the next one", async () => {
  await using cluster = await StateCluster.start(3);
  const first = await keeper(cluster);
  const survivor = await cluster.follower();
  const lease = leaseOf("a", await register(cluster.node(survivor), "a"));
  await cluster.time.advance(2_900);
  await cluster.crash(first);
  const second = await keeper(cluster);
  // Renewed once: what the old leader had counted is forgotten.
  await cluster.time.advance(2_900);
  assertEquals(health(cluster, second, "a"), HealthStatus.Healthy);
  assertEquals((await renewed(cluster, survivor, lease)).kind, "renewed");
  await cluster.time.advance(3_000 + leaseSweepMs);
  await untilHealth(cluster, second, "a", HealthStatus.Unhealthy);
  await untilHealth(cluster, survivor, "a", HealthStatus.Unhealthy);
});

Deno.test("renew() on a follower waits for the next leader when the present one is lost", async () => {
  await using cluster = await StateCluster.start(3);
  const first = await keeper(cluster);
  const follower = await cluster.follower();
  const lease = leaseOf("a", await register(cluster.node(follower), "a"));
  const renewal = renewed(cluster, follower, lease);
  await cluster.crash(first);
  assertEquals((await renewal).kind, "renewed");
});

Deno.test("renew() without a quorum is refused as Unavailable with the reason", async () => {
  await using cluster = await StateCluster.start(3);
  await keeper(cluster);
  const follower = await cluster.follower();
  const lease = leaseOf("a", await register(cluster.node(follower), "a"));
  cluster.raft.isolate(follower);
  const { metadata } = cluster.node(follower).replicated;
  await until(() => metadata.role.lead === 0);
  const error = await rejection(
    renewed(cluster, follower, lease),
    Code.Unavailable,
  );
  assert(error.message.includes("majority"), error.message);
});

Deno.test("renew() on a leader that lost the lead is not answered from what it remembers", async () => {
  await using cluster = await StateCluster.start(3);
  const leader = await keeper(cluster);
  const lease = leaseOf("a", await register(cluster.node(leader), "a"));
  cluster.raft.isolate(leader);
  const { leases, replicated } = cluster.node(leader);
  await until(() => replicated.metadata.role.lead === 0);
  await rejection(renewed(cluster, leader, lease), Code.Unavailable);
  assertThrows(() => leases.renewAll([lease]), ConveyorError, "lead");
  assertEquals(leases.heardAtMs(lease), undefined);
});

Deno.test("a process that slept ends no lease before it has read the heartbeats of that time", async () => {
  await using cluster = await StateCluster.start(1);
  await keeper(cluster);
  const { leases } = cluster.node(1);
  const lease = leaseOf("a", await register(cluster.node(1), "a"));
  await cluster.time.sleep(60_000);
  await cluster.time.advance(leaseSweepMs);
  assertEquals(health(cluster, 1, "a"), HealthStatus.Healthy);
  assertEquals((await leases.renew(lease)).kind, "renewed");
  await cluster.time.advance(3_000 + leaseSweepMs);
  await untilHealth(cluster, 1, "a", HealthStatus.Unhealthy);
});

Deno.test("leases that run out together end in a few commands", async () => {
  await using cluster = await StateCluster.start(1);
  await keeper(cluster);
  const node = cluster.node(1);
  const ids = Array.from({ length: 2_500 }, (_, at) => `s${at}`);
  await Promise.all(ids.map((id) => register(node, id)));
  const { commit } = node.replicated.metadata.status();
  await cluster.time.advance(3_000);
  for (let sweep = 0; sweep < 3; sweep++) {
    await cluster.time.advance(leaseSweepMs);
    const ended = Math.min(ids.length, 1_000 * (sweep + 1));
    await until(() =>
      ids.filter((id) => health(cluster, 1, id) === HealthStatus.Unhealthy)
        .length >= ended
    );
  }
  assert(node.replicated.metadata.status().commit - commit <= 4);
});

Deno.test("holders that are heard of again together need no second heartbeat", async () => {
  await using cluster = await StateCluster.start(1);
  await keeper(cluster);
  const node = cluster.node(1);
  const ids = Array.from({ length: 2_500 }, (_, at) => `s${at}`);
  const leases = await Promise.all(
    ids.map(async (id) => leaseOf(id, await register(node, id))),
  );
  const healthy = (): number =>
    ids.filter((id) => health(cluster, 1, id) === HealthStatus.Healthy).length;
  await cluster.time.advance(3_000);
  for (let left = 1_500; left > -1_000; left -= 1_000) {
    await cluster.time.advance(leaseSweepMs);
    await until(() => healthy() <= Math.max(left, 0));
  }
  for (const lease of leases) await node.leases.renew(lease);
  for (let sweep = 1; sweep <= 3; sweep++) {
    await until(() => healthy() >= Math.min(ids.length, 1_000 * sweep));
    await cluster.time.advance(leaseSweepMs);
  }
});

Deno.test("renewals that wait on one node are bounded, and what is more is refused at once", async () => {
  await using cluster = await StateCluster.start(3);
  await keeper(cluster);
  const { leases } = cluster.node(await cluster.follower());
  const lease = leaseOf("a", { registrationId: "r" });
  const waiting = Array.from(
    { length: leaseRenewalsWaitingMax },
    () => leases.renew(lease),
  );
  const settled = Promise.allSettled(waiting);
  await rejection(
    Promise.resolve(leases.renew(lease)),
    Code.ResourceExhausted,
  );
  await leases.close();
  for (const { status } of await settled) assertEquals(status, "rejected");
});

Deno.test("close() refuses what waits and lets no timer stand", async () => {
  await using cluster = await StateCluster.start(3);
  await keeper(cluster);
  const follower = await cluster.follower();
  const { leases } = cluster.node(follower);
  const lease = leaseOf("a", await register(cluster.node(follower), "a"));
  const waiting = Promise.resolve(leases.renew(lease));
  const timers = cluster.time.waiting;
  const refused = rejection(waiting, Code.Unavailable);
  await leases.close();
  await refused;
  assertEquals(cluster.time.waiting, timers - 1);
  await rejection(Promise.resolve(leases.renew(lease)), Code.Unavailable);
});
