import { assert, assertEquals } from "@std/assert";
import { onlyItem } from "../../../clients/only_item.ts";
import { Code } from "../../../lib/errors.ts";
import { registryService } from "../../../lib/handlers/registry_handler.ts";
import {
  leaseRenewalsWaitMs,
  leaseSweepMs,
  serviceLabelsMax,
} from "../../../lib/limits.ts";
import { requestIdKey } from "../../../lib/metadata_keys.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { Duration } from "../../../proto/messages/google.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import type {
  HeartbeatRequest,
  ListServicesRequest,
  RegisterRequest,
} from "../../../proto/messages/registry.ts";
import { Feed } from "../../fixtures/feed.ts";
import { steadyLead, until } from "../../fixtures/metadata_cluster.ts";
import { Heart } from "../../fixtures/registry_calls.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { register, serviceOf } from "../../fixtures/services.ts";
import { StateCluster, type StateNode } from "../../fixtures/state_cluster.ts";

const { methods } = registryService;

async function listed(
  node: StateNode,
  request: MessageInit<ListServicesRequest> = {},
): Promise<string[]> {
  const { message } = await node.calls.unary(methods.listServices, request);
  return message.services.map(({ identity }) => identity!.serviceId);
}

Deno.test("register() refuses an address that no router can dial", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  for (const host of ["http://10.0.0.7", "10.0.0.7:50061", ""]) {
    const error = await rejection(
      node.calls.unary(methods.register, {
        identity: { serviceId: "a", name: "a" },
        endpoint: { host, port: 50_061 },
      }),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, "endpoint.host");
  }
  assertEquals(await listed(node), []);
});

Deno.test("register() enters a service everywhere, with a lease of three heartbeats", async () => {
  await using cluster = await StateCluster.start(3);
  const answer = await register(cluster.node(await cluster.follower()), "a");
  assertEquals(answer.success, true);
  assertEquals(answer.leaseTtl, { seconds: 3n, nanos: 0 });
  assert(answer.initialCredits > 0n);
  for (const id of cluster.ids) {
    const { message } = await cluster.node(id).calls.unary(
      methods.listServices,
      {},
    );
    const [service] = message.services;
    assertEquals(service?.identity?.serviceId, "a");
    assertEquals(service?.identity?.name, "a");
    assertEquals(service?.endpoint?.port, 9_000);
    assertEquals(service?.health?.status, HealthStatus.Healthy);
    assert(service?.registeredAt);
  }
});

Deno.test("register() gives a lease of a second at least, and of 15 where no heartbeat is named", async () => {
  await using cluster = await StateCluster.start(1);
  const ttlOf = async (heartbeatInterval: Duration | undefined) =>
    (await register(cluster.node(1), "a", { heartbeatInterval })).leaseTtl;
  assertEquals(await ttlOf({ seconds: 0n, nanos: 1 }), {
    seconds: 1n,
    nanos: 0,
  });
  assertEquals(await ttlOf(undefined), { seconds: 15n, nanos: 0 });
});

Deno.test("register() repeated under one request id is one registration", async () => {
  await using cluster = await StateCluster.start(3);
  const metadata = { [requestIdKey]: new Uint8Array(16).fill(3) };
  const ids = new Set<string>();
  for (const id of [1, 2, 3]) {
    const { message } = await cluster.node(id).calls.unary(
      methods.register,
      serviceOf("a"),
      { metadata },
    );
    ids.add(message.registrationId);
  }
  assertEquals(ids.size, 1);
});

Deno.test("register() refuses what it cannot take, names the field and enters nothing", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const labels = Object.fromEntries(
    Array.from({ length: serviceLabelsMax + 1 }, (_, at) => [`${at}`, "x"]),
  );
  const faults: [string, MessageInit<RegisterRequest>][] = [
    ["identity.service_id", {}],
    ["identity.service_id", serviceOf("")],
    ["metadata.labels", serviceOf("a", { metadata: { labels } })],
    [
      "endpoint.port",
      serviceOf("a", { endpoint: { host: "h", port: 70_000 } }),
    ],
    [
      "heartbeat_interval",
      serviceOf("a", { heartbeatInterval: { seconds: -1n, nanos: 0 } }),
    ],
    [
      "heartbeat_interval",
      serviceOf("a", { heartbeatInterval: { seconds: 10n ** 9n, nanos: 0 } }),
    ],
  ];
  for (const [field, request] of faults) {
    const error = await rejection(
      node.calls.unary(methods.register, request),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, field);
  }
  assertEquals(await listed(node), []);
});

Deno.test("register() refuses a service of 100,000 labels without a word to the log", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const labels = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, at) => [`label-${at}`, "x"]),
  );
  const { appliedIndex } = node.replicated.metadata;
  const error = await rejection(
    node.calls.unary(
      methods.register,
      serviceOf("a", { metadata: { labels } }),
    ),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "metadata.labels");
  assertEquals(node.replicated.metadata.appliedIndex, appliedIndex);
});

Deno.test("listServices() and watchServices() refuse a selector of more labels than a service has", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const selector = (count: number) => ({
    labelSelector: Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`label-${at}`, "x"]),
    ),
  });
  await calls.unary(methods.listServices, selector(serviceLabelsMax));
  const request = selector(serviceLabelsMax + 1);
  const list = calls.unary(methods.listServices, request);
  const watch = calls.stream(methods.watchServices, onlyItem(request)).next();
  for (const refused of [list, watch]) {
    const { details } = await rejection(refused, Code.InvalidArgument);
    assertEquals(details, [{
      field: "label_selector",
      description:
        'must have at most 256 labels, as a service has, found "257 labels"',
    }]);
  }
});

Deno.test("register() refuses a request id of another length", async () => {
  await using cluster = await StateCluster.start(1);
  const error = await rejection(
    cluster.node(1).calls.unary(methods.register, serviceOf("a"), {
      metadata: { [requestIdKey]: new Uint8Array(15) },
    }),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, `metadata.${requestIdKey}`);
});

Deno.test("listServices() selects by type, by labels exactly, and by health", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const labelled = (labels: { [name: string]: string }) => ({
    metadata: { labels },
  });
  await register(node, "a", labelled({ zone: "1", tier: "gold" }));
  await register(node, "b", labelled({ zone: "1" }));
  await register(node, "c", labelled({ zone: "10" }));
  await register(node, "d", {
    identity: { serviceId: "d", serviceType: ServiceType.Sink },
  });
  const sinks = { typeFilter: ServiceType.Sink };
  const chosen = (labelSelector: { [name: string]: string }) =>
    listed(node, { labelSelector });
  assertEquals(await listed(node), ["a", "b", "c", "d"]);
  assertEquals(await chosen({ zone: "1" }), ["a", "b"]);
  assertEquals(await chosen({ zone: "1", tier: "gold" }), ["a"]);
  assertEquals(await chosen({ constructor: "" }), []);
  assertEquals(await listed(node, sinks), ["d"]);
  await cluster.time.advance(3_000 + leaseSweepMs);
  await until(() => node.replicated.state.services.get("d")?.expired);
  assertEquals(await listed(node), []);
  assertEquals(await listed(node, { ...sinks, includeUnhealthy: true }), ["d"]);
});

Deno.test("heartbeat() acknowledges the present registration, and none that was replaced", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const { registrationId: old } = await register(node, "a");
  const heart = new Heart(node);
  const first = await heart.say({ serviceId: "a", registrationId: old });
  assertEquals(first.acknowledged, true);
  assertEquals(first.nextHeartbeatDeadline, { seconds: 3n, nanos: 0 });
  const { registrationId } = await register(node, "a");
  const late = await heart.say({ serviceId: "a", registrationId: old });
  assertEquals(late.acknowledged, false);
  assert((await heart.say({ serviceId: "a", registrationId })).acknowledged);
  assert(!(await heart.say({ serviceId: "b", registrationId })).acknowledged);
  await heart.end();
});

Deno.test("heartbeat() makes a command of a health that is new, and of no other", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const { registrationId } = await register(node, "a");
  const heart = new Heart(node);
  const { metadata, state } = node.replicated;
  const entries = async (
    health: MessageInit<HeartbeatRequest>["health"],
  ): Promise<number> => {
    const before = metadata.status().commit;
    await heart.say({ serviceId: "a", registrationId, health });
    return metadata.status().commit - before;
  };
  const part = { name: "p", status: HealthStatus.Healthy, message: "" };
  const degraded = {
    status: HealthStatus.Degraded,
    components: { z: part, a: part },
  };
  const inAnotherOrder = { ...degraded, components: { a: part, z: part } };
  assertEquals(await entries({ status: HealthStatus.Healthy }), 0);
  assertEquals(await entries(degraded), 1);
  assertEquals(await entries(degraded), 0);
  assertEquals(await entries(inAnotherOrder), 0);
  assertEquals(await entries({ ...degraded, message: "why" }), 1);
  assertEquals(state.services.get("a")?.health.message, "why");
  assertEquals(await entries(undefined), 0);
  await heart.end();
});

Deno.test("heartbeat() of many services over one stream asks the leader once, and answers in order", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const node = cluster.node(await cluster.follower());
  const ids = Array.from({ length: 100 }, (_, at) => `s${at}`);
  const requests = await Promise.all(ids.map(async (serviceId, at) => {
    const { registrationId } = await register(node, serviceId);
    const another = at % 2 === 1;
    return { serviceId, registrationId: another ? "another" : registrationId };
  }));
  cluster.renewalCalls.length = 0;
  const feed = new Feed<MessageInit<HeartbeatRequest>>();
  feed.push(...requests);
  feed.end();
  const answers = Array.fromAsync(node.calls.stream(methods.heartbeat, feed));
  await cluster.time.advance(0);
  await cluster.time.advance(leaseRenewalsWaitMs);
  assertEquals(
    (await answers).map(({ acknowledged }) => acknowledged),
    ids.map((_, at) => at % 2 === 0),
  );
  assertEquals(cluster.renewalCalls, [100]);
});

Deno.test("deregister() takes a service out, and refuses another registration", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const { registrationId } = await register(node, "a");
  const leave = (serviceId: string, registrationId: string) =>
    node.calls.unary(methods.deregister, { serviceId, registrationId });
  await rejection(leave("a", "another"), Code.FailedPrecondition);
  assertEquals(await listed(node), ["a"]);
  assertEquals((await leave("a", registrationId)).message.success, true);
  assertEquals(await listed(node), []);
  const error = await rejection(leave("a", registrationId), Code.NotFound);
  assert(error.message.includes('"a"'), error.message);
});

Deno.test("deregister() with grace gives a service nothing new, and waits for what is under way", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const { registrationId } = await register(node, "a");
  const heart = new Heart(node);
  const beat = { serviceId: "a", registrationId };
  assertEquals((await heart.say(beat)).commands, []);
  node.activity.set("a", 5);
  const metadata = { [requestIdKey]: new Uint8Array(16).fill(1) };
  const drainTimeout = { seconds: 60n, nanos: 0 };
  const leave = () =>
    node.calls.unary(
      methods.deregister,
      { ...beat, graceful: true, drainTimeout },
      { metadata },
    );
  const leaving = leave();
  await until(() => node.replicated.state.services.get("a")?.draining);
  assert((await heart.say(beat)).commands[0]?.drain);
  assertEquals((await heart.say(beat)).commands, []);
  const { message } = await node.calls.unary(methods.getServiceEndpoints, {
    serviceName: "a",
  });
  assertEquals(message.endpoints, []);
  node.activity.set("a", 0);
  assertEquals((await leaving).message.pendingRecords, 0n);
  assertEquals(await listed(node), []);
  assertEquals((await heart.say(beat)).acknowledged, false);
  // Repeated under its id it says the same.
  assertEquals((await leave()).message.success, true);
  await heart.end();
});

Deno.test("deregister() with grace ends after its time, and tells what was left", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const { registrationId } = await register(node, "a");
  node.activity.set("a", 5);
  const request = { serviceId: "a", registrationId, graceful: true };
  const error = await rejection(
    node.calls.unary(methods.deregister, {
      ...request,
      drainTimeout: { seconds: 10n ** 9n, nanos: 0 },
    }),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "drain_timeout");
  const { message } = await node.calls.unary(methods.deregister, {
    ...request,
    drainTimeout: { seconds: 0n, nanos: 1_000_000 },
  });
  assertEquals(message.pendingRecords, 5n);
  assertEquals(await listed(node), []);
});

Deno.test("getServiceEndpoints() tells where the healthy instances of a name are", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await register(node, "enrich-1", { metadata: { weight: 3 } });
  const { registrationId } = await register(node, "enrich-2");
  await register(node, "other-1");
  const endpoints = async () => {
    const { message } = await node.calls.unary(methods.getServiceEndpoints, {
      serviceName: "enrich",
    });
    return message.endpoints.map(({ serviceId, weight }) => [
      serviceId,
      weight,
    ]);
  };
  assertEquals(await endpoints(), [["enrich-1", 3], ["enrich-2", 1]]);
  const heart = new Heart(node);
  const health = { status: HealthStatus.Unhealthy };
  await heart.say({ serviceId: "enrich-2", registrationId, health });
  assertEquals(await endpoints(), [["enrich-1", 3]]);
  await heart.end();
});
