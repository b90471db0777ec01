import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { registryService } from "../../../lib/handlers/registry_handler.ts";
import { watchEventsMax } from "../../../lib/limits.ts";
import { HealthStatus } from "../../../proto/messages/common.ts";
import { EventType } from "../../../proto/messages/registry.ts";
import { Heart, ServiceWatch } from "../../fixtures/registry_calls.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { register } from "../../fixtures/services.ts";
import { StateCluster, type StateNode } from "../../fixtures/state_cluster.ts";

const { methods } = registryService;

Deno.test("watchServices() tells the present services, then each change in order", async () => {
  await using cluster = await StateCluster.start(3);
  const node = cluster.node(await cluster.follower());
  const leader = cluster.node(await cluster.raft.leader());
  await register(leader, "a");
  await register(leader, "b");
  await using watch = new ServiceWatch(node);
  assertEquals(await watch.told(2), ["Added a", "Added b"]);
  const { registrationId } = await register(leader, "c");
  await register(node, "a", { endpoint: { host: "h", port: 1 } });
  const heart = new Heart(leader);
  const health = { status: HealthStatus.Unhealthy };
  await heart.say({ serviceId: "c", registrationId, health });
  await leader.calls.unary(methods.deregister, {
    serviceId: "c",
    registrationId,
  });
  assertEquals(await watch.told(1), ["Added c"]);
  const { eventType, service } = await watch.next();
  assertEquals(eventType, EventType.Modified);
  assertEquals(service?.endpoint?.host, "h");
  assertEquals(await watch.told(2), ["HealthChanged c", "Removed c"]);
  await heart.end();
});

/** What is there by what a watcher is told, once it hears of "z-last". */
async function presentAtLast(node: StateNode): Promise<string[]> {
  await using watch = new ServiceWatch(node);
  const present = new Set<string>();
  for (;;) {
    const { eventType, service } = await watch.next();
    const id = service!.identity!.serviceId;
    if (id === "z-last") return [...present].sort();
    const isNew = eventType === EventType.Added;
    assertEquals(present.has(id), !isNew, `${EventType[eventType]} ${id}`);
    if (isNew) present.add(id);
    else present.delete(id);
  }
}

Deno.test("watchServices() misses nothing and tells nothing twice while services come and go", async () => {
  await using cluster = await StateCluster.start(3);
  const [a, b, c] = cluster.ids.map((id) => cluster.node(id));
  const nodes = [a!, b!, c!];
  const ids = Array.from({ length: 60 }, (_, at) => `s${at}`);
  const churn = Promise.all(ids.map(async (serviceId, at) => {
    const node = nodes[at % 3]!;
    const { registrationId } = await register(node, serviceId);
    if (at % 4 > 0) return;
    await node.calls.unary(methods.deregister, { serviceId, registrationId });
  }));
  // Begun in the midst of the changes, on each node.
  const told = nodes.map(presentAtLast);
  const kept = ids.filter((_, at) => at % 4 > 0);
  await churn;
  await register(a!, "z-last");
  for (const present of await Promise.all(told)) {
    assertEquals(present, [...kept].sort());
  }
});

Deno.test("watchServices() of a selection sees what enters it and leaves it", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const zone = (zone: string) => ({ metadata: { labels: { zone } } });
  await using watch = new ServiceWatch(node, { labelSelector: { zone: "1" } });
  await register(node, "a", zone("2"));
  await register(node, "b", zone("1"));
  assertEquals(await watch.told(1), ["Added b"]);
  await register(node, "a", zone("1"));
  await register(node, "b", zone("2"));
  await register(node, "b", zone("3"));
  await register(node, "c", zone("1"));
  assertEquals(await watch.told(3), ["Added a", "Removed b", "Added c"]);
});

Deno.test("watchServices() cuts off a watcher that does not read, with a status to start again", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const { registrationId } = await register(node, "a");
  await using watch = new ServiceWatch(node);
  assertEquals(await watch.told(1), ["Added a"]);
  const change = (at: number) =>
    node.replicated.change("set health", {
      setServiceHealth: {
        serviceId: "a",
        registrationId,
        health: { status: HealthStatus.Healthy, message: `${at}` },
      },
    });
  await change(-1);
  assertEquals(await watch.told(1), ["HealthChanged a"]);
  await Promise.all(
    Array.from({ length: 2 * watchEventsMax + 2 }, (_, at) => change(at)),
  );
  const error = await rejection(watch.next(), Code.Aborted);
  assert(error.message.includes("again"), error.message);
  await using anew = new ServiceWatch(node);
  assertEquals(await anew.told(1), ["Added a"]);
});
