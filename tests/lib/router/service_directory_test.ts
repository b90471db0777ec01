import { assert, assertEquals, assertRejects } from "@std/assert";
import type { MessageInit } from "../../../proto/codec.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import type { Service } from "../../../proto/messages/state.ts";
import type {
  InstanceRequest,
  ServiceSelection,
} from "../../../lib/delivery/ports.ts";
import { ChannelPool } from "../../../lib/services/channel_pool.ts";
import { systemClock } from "../../../lib/clock.ts";
import { PulledStages } from "../../../lib/router/pulled_stages.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { systemScheduler } from "../../../lib/scheduler.ts";
import { StateDirectory } from "../../../lib/router/service_directory.ts";
import { Machine, serviceNamed } from "../../fixtures/machine.ts";

/** A state, and a directory that is told of its changes. */
class Register implements AsyncDisposable {
  readonly #machine = new Machine();
  readonly #pool = new ChannelPool();
  readonly directory = new StateDirectory(
    this.#machine.state,
    this.#pool,
    new PulledStages(1, systemClock, systemScheduler),
    () => 0,
  );

  add(serviceId: string, more: MessageInit<Service> = {}): void {
    const service = serviceNamed(serviceId, more);
    this.#machine.run({ registerService: { service } });
    this.directory.changed();
  }

  join(serviceId: string, groupId: string): void {
    this.#machine.run({ joinGroup: { serviceId, groupId } });
    this.directory.changed();
  }

  leave(serviceId: string, groupId: string): void {
    this.#machine.run({ leaveGroup: { serviceId, groupId } });
    this.directory.changed();
  }

  report(serviceId: string, status: HealthStatus): void {
    const registrationId = `${serviceId}-registration`;
    const health = { status };
    this.#machine.run({
      setServiceHealth: { serviceId, registrationId, health },
    });
    this.directory.changed();
  }

  drain(serviceId: string): void {
    const registrationId = `${serviceId}-registration`;
    this.#machine.run({
      setServiceDraining: { serviceId, registrationId, draining: true },
    });
    this.directory.changed();
  }

  remove(serviceId: string): void {
    const registrationId = `${serviceId}-registration`;
    this.#machine.run({ deregisterService: { serviceId, registrationId } });
    this.directory.changed();
  }

  /** The ids of as many picks in a row, "-" where there is none. */
  picks(
    count: number,
    selector: Partial<ServiceSelection> = {},
    more: Partial<InstanceRequest> = {},
  ): string {
    const asked = request(selector, more);
    return Array.from(
      { length: count },
      () => this.directory.pick(asked)?.id ?? "-",
    ).join(" ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}

function request(
  selector: Partial<ServiceSelection>,
  more: Partial<InstanceRequest> = {},
): InstanceRequest {
  return {
    kind: "transform",
    pipelineId: "orders",
    stageId: "enrich",
    selector: {
      serviceName: "enrich",
      groupId: "",
      labels: new Map(),
      loadBalance: "round_robin",
      ...selector,
    },
    pulled: false,
    keyHash: 0,
    leaveOut: () => false,
    ...more,
  };
}

Deno.test("StateDirectory.pick() takes the instances in turn that the selector means", async () => {
  await using register = new Register();
  assertEquals(register.picks(1), "-");
  register.add("a");
  register.add("b", { metadata: { labels: { zone: "eu", tier: "1" } } });
  register.add("c", { identity: { name: "enrich", groupId: "blue" } });
  register.add("d", { identity: { name: "other" } });
  assertEquals(register.picks(4), "a b c a");
  assertEquals(register.picks(2, { groupId: "blue" }), "c c");
  register.join("a", "blue");
  register.join("d", "blue");
  assertEquals(register.picks(3, { groupId: "blue" }), "a c a");
  register.leave("a", "blue");
  assertEquals(register.picks(2, { groupId: "blue" }), "c c");
  const labels = new Map([["zone", "eu"], ["conveyor/delivery", "push"]]);
  assertEquals(register.picks(2, { labels }), "b b");
  const nowhere = new Map([["zone", "us"]]);
  assertEquals(register.picks(1, { labels: nowhere }), "-");
  assertEquals(register.picks(1, { serviceName: "none" }), "-");
});

Deno.test("StateDirectory.pick() keeps apart what two versions of a stage select", async () => {
  await using register = new Register();
  register.add("a");
  register.add("b", { identity: { name: "other" } });
  const [old, next] = [request({}), request({ serviceName: "other" })];
  const picked = [old, next, old, next].map((asked) =>
    register.directory.pick(asked)?.id
  );
  assertEquals(picked, ["a", "b", "a", "b"]);
});

Deno.test("StateDirectory.pick() leaves out who is unhealthy, drains, is gone, or failed a moment ago", async () => {
  await using register = new Register();
  for (const id of ["a", "b", "c"]) register.add(id);
  register.report("a", HealthStatus.Unhealthy);
  assertEquals(register.picks(2), "b c");
  register.report("a", HealthStatus.Healthy);
  register.drain("b");
  register.remove("c");
  assertEquals(register.picks(2), "a a");
  const leaveOut = (id: string): boolean => id === "a";
  assertEquals(register.picks(1, {}, { leaveOut }), "-");
});

Deno.test("StateDirectory.pick() goes by the services as they are when it is asked", async () => {
  await using register = new Register();
  const asked = request({});
  const picked = () => register.directory.pick(asked)?.id;
  assertEquals(picked(), undefined);
  register.add("a");
  register.add("b");
  assertEquals([picked(), picked(), picked()], ["a", "b", "a"]);
  register.drain("b");
  assertEquals([picked(), picked()], ["a", "a"]);
});

Deno.test("StateDirectory.pick() gives an instance no more calls than it takes, and more when they end", async () => {
  // It answers that it does not know the method.
  await using server = new RpcServer(undefined, () => {});
  const port = Number((await server.listen("127.0.0.1:0")).split(":")[1]);
  await using register = new Register();
  register.add("a", {
    endpoint: { host: "127.0.0.1", port },
    metadata: { maxConcurrentRequests: 1 },
  });
  const asked: InstanceRequest<"transform"> = {
    ...request({}),
    kind: "transform",
  };
  const pick = () => register.directory.pick(asked);
  const { signal } = new AbortController();
  const limits = { timeoutMs: 1_000, records: 3, signal };
  const call = pick()!.port.call(new Uint8Array(), limits);
  assertEquals(pick(), undefined);
  await assertRejects(() => Promise.resolve(call));
  assertEquals(pick()?.id, "a");
});

Deno.test("StateDirectory.pick() keeps to one instance for one key where the selector hashes", async () => {
  await using register = new Register();
  for (const id of ["a", "b", "c"]) register.add(id);
  const selector = { loadBalance: "consistent_hash" } as const;
  const seen = new Set<string>();
  for (let keyHash = 0; keyHash < 2 ** 32; keyHash += 2 ** 27) {
    const [one, other] = register.picks(2, selector, { keyHash }).split(" ");
    assertEquals(one, other);
    seen.add(one!);
  }
  assertEquals(seen.size, 3);
});

Deno.test("StateDirectory.pick() tells of a sink that drops what it has already", async () => {
  await using register = new Register();
  const identity = { name: "enrich", serviceType: ServiceType.Sink };
  register.add("plain", { identity });
  register.add("once", {
    identity: { ...identity, capabilities: ["exactly_once"] },
  });
  const asked = request({}, { kind: "sink" });
  const flags = Array.from({ length: 2 }, () => {
    const { id, exactlyOnce } = register.directory.pick(asked)!;
    return `${id} ${exactlyOnce}`;
  });
  assertEquals(flags.sort(), ["once true", "plain false"]);
});

Deno.test("StateDirectory.source() knows the registered source of that id", async () => {
  await using register = new Register();
  register.add("shop-1", {
    identity: { name: "shop", groupId: "shops" },
    metadata: { labels: { zone: "eu" } },
  });
  const source = register.directory.source("shop-1");
  assertEquals(source?.name, "shop");
  assertEquals(source?.groupIds, new Set(["shops"]));
  assertEquals(source?.labels.get("zone"), "eu");
  register.join("shop-1", "late");
  assertEquals(
    register.directory.source("shop-1")?.groupIds,
    new Set(["shops", "late"]),
  );
  assert(register.directory.source("nobody") === undefined);
});

Deno.test("StateDirectory.pick() has consumers take the place of a service where they pull the records", async () => {
  await using register = new Register();
  assertEquals(register.picks(2, {}, { pulled: true }), "consumers consumers");
});
