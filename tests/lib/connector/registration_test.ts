/** Registration with a router that is small, but real: a ServiceRegistry behind a gRPC server. */
import { assert, assertEquals } from "@std/assert";
import { Channel } from "../../../clients/channel.ts";
import { Code, messageOf } from "../../../lib/errors.ts";
import {
  type Connector,
  type ConnectorOptions,
  type RegisterOptions,
  serveSink,
} from "../../../lib/connector/connector.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import {
  HealthCheckResponseServingStatus,
  type HealthMethods,
} from "../../../proto/messages/health.ts";
import type {
  DeregisterRequest,
  HeartbeatRequest,
  RegisterRequest,
  RouterCommand,
  ServiceRegistryMethods,
} from "../../../proto/messages/registry.ts";
import { type Service, serviceOf } from "../../../proto/service.ts";
import { rejection } from "../../fixtures/rejection.ts";

const address = "127.0.0.1:0";
const registry: Service<ServiceRegistryMethods> = serviceOf(
  "conveyor.registry.ServiceRegistry",
);
const healthService: Service<HealthMethods> = serviceOf(
  "grpc.health.v1.Health",
);

/** A router that keeps what it is told, and tells whoever waits. */
class FakeRouter implements AsyncDisposable {
  readonly registered: RegisterRequest[] = [];
  readonly heartbeats: HeartbeatRequest[] = [];
  readonly deregistered: DeregisterRequest[] = [];
  refusing = false;
  /** Given to the connector with the next heartbeat. */
  commands: RouterCommand[] = [];
  /** Registrations that it acts as if it had forgotten. */
  readonly forgotten = new Set<string>();
  readonly #server = new RpcServer(undefined, () => {});
  readonly #waiting = new Set<() => void>();
  url = "";

  static async start(): Promise<FakeRouter> {
    const router = new FakeRouter();
    const server = router.#server.add(registry, {
      register: (request) => {
        if (router.refusing) return { success: false };
        router.registered.push(request);
        router.#tell();
        const registrationId = `r${router.registered.length}`;
        return { success: true, registrationId, leaseId: "l" };
      },
      async *heartbeat(requests) {
        for await (const request of requests) {
          router.heartbeats.push(request);
          router.#tell();
          const commands = router.commands;
          router.commands = [];
          const acknowledged = !router.forgotten.has(request.registrationId);
          yield { acknowledged, commands };
        }
      },
      deregister: (request) => {
        router.deregistered.push(request);
        return { success: true };
      },
    });
    router.url = `http://${await server.listen(address)}`;
    return router;
  }

  /** Waits until `holds`. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
    }
  }

  #tell(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close(0);
  }
}

function serveRegistered(
  router: string,
  options: ConnectorOptions = {},
  onCommand?: RegisterOptions["onCommand"],
): Promise<Connector> {
  return serveSink(() => {}, {
    address,
    register: {
      router,
      service: { serviceId: "sink-1", name: "archive" },
      metadata: { labels: { zone: "a" } },
      heartbeatIntervalMs: 5,
      connect: { connectTimeoutMs: 1_000 },
      ...(onCommand && { onCommand }),
    },
    ...options,
  });
}

Deno.test("register says who serves, where, and keeps saying so", async () => {
  await using router = await FakeRouter.start();
  const server = await serveRegistered(router.url);
  const [request] = router.registered;
  assertEquals(request?.identity?.serviceId, "sink-1");
  assertEquals(request?.identity?.serviceType, ServiceType.Sink);
  assertEquals(
    `${request?.endpoint?.host}:${request?.endpoint?.port}`,
    server.address,
  );
  assertEquals(request?.metadata?.labels, { zone: "a" });
  assertEquals(request?.heartbeatInterval, { seconds: 0n, nanos: 5_000_000 });
  await router.until(() => router.heartbeats.length >= 3);
  const [beat] = router.heartbeats;
  assertEquals([beat?.serviceId, beat?.registrationId], ["sink-1", "r1"]);
  assertEquals(beat?.health?.status, HealthStatus.Healthy);
  await server.close();
  assertEquals(router.registered.length, 1);
  const [goodbye] = router.deregistered;
  assertEquals([goodbye?.serviceId, goodbye?.registrationId], ["sink-1", "r1"]);
  assertEquals(goodbye?.graceful, true);
});

Deno.test("register begins anew when the router has forgotten the connector", async () => {
  await using router = await FakeRouter.start();
  router.forgotten.add("r1");
  await using _server = await serveRegistered(router.url);
  await router.until(() =>
    router.heartbeats.some(({ registrationId }) => registrationId === "r2")
  );
  assertEquals(router.registered.length, 2);
});

Deno.test("register rejects when the router refuses, and leaves nothing behind", async () => {
  await using router = await FakeRouter.start();
  router.refusing = true;
  const error = await rejection(
    serveRegistered(router.url),
    Code.FailedPrecondition,
  );
  assert(error.message.includes('"sink-1"'), error.message);
  assertEquals(router.deregistered, []);
});

Deno.test("close() does not wait for a router that is gone, and reports it", async () => {
  const router = await FakeRouter.start();
  const told = Promise.withResolvers<string>();
  const server = await serveRegistered(router.url, {
    onError: (where) => told.resolve(where),
  });
  await router[Symbol.asyncDispose]();
  assertEquals(await told.promise, "registration");
  await server.close();
});

/** The health of the sink at `server`, which changes until it is `wanted`. */
async function health(server: Connector, wanted: string): Promise<void> {
  const channel = await Channel.connect(`http://${server.address}`);
  const requests = ReadableStream.from([{
    service: "conveyor.sink.SinkService",
  }]);
  for await (
    const { status } of channel.stream(healthService.methods.watch, requests)
  ) {
    if (HealthCheckResponseServingStatus[status] === wanted) break;
  }
  await channel.close();
}

Deno.test("commands of the router reach onCommand in order, one at a time", async () => {
  await using router = await FakeRouter.start();
  const seen: string[] = [];
  const all = Promise.withResolvers<void>();
  const partitions = { groupId: "g", partitions: [1, 2], generation: 7n };
  await using _server = await serveRegistered(
    router.url,
    {},
    async (command) => {
      const [name] = Object.keys(command);
      seen.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 0));
      seen.push(`${name} ends`);
      if (command.assign) {
        assertEquals(command.assign, partitions);
        all.resolve();
      }
    },
  );
  router.commands = [
    { revoke: partitions },
    { config: { config: { mode: "fast" } } },
    { assign: partitions },
  ];
  await all.promise;
  assertEquals(seen, [
    "revoke begins",
    "revoke ends",
    "config begins",
    "config ends",
    "assign begins",
    "assign ends",
  ]);
});

Deno.test("health follows a drain, a resume, and a registration anew", async () => {
  await using router = await FakeRouter.start();
  await using server = await serveRegistered(router.url);
  await health(server, "Serving");
  router.commands = [{ drain: { reason: "maintenance" } }];
  await health(server, "NotServing");
  router.commands = [{ resume: {} }];
  await health(server, "Serving");
  router.commands = [{ drain: { reason: "maintenance" } }];
  await health(server, "NotServing");
  router.forgotten.add("r1");
  await health(server, "Serving");
});

Deno.test("onCommand that throws is reported, and later commands come all the same", async () => {
  await using router = await FakeRouter.start();
  const reports: unknown[] = [];
  const second = Promise.withResolvers<void>();
  await using _server = await serveRegistered(router.url, {
    onError: (where, error) => reports.push([where, messageOf(error)]),
  }, (command) => {
    if (command.drain) throw new Error("cannot drain");
    second.resolve();
  });
  router.commands = [{ drain: { reason: "" } }, { resume: {} }];
  await second.promise;
  assertEquals(reports, [["registration", "cannot drain"]]);
  assertEquals(router.registered.length, 1);
});

Deno.test("close() does not wait for an onCommand that never ends", async () => {
  await using router = await FakeRouter.start();
  const called = Promise.withResolvers<AbortSignal>();
  const server = await serveRegistered(router.url, {}, (_command, signal) => {
    called.resolve(signal);
    return new Promise(() => {});
  });
  router.commands = [{ drain: { reason: "" } }];
  const signal = await called.promise;
  await server.close();
  assertEquals(signal.aborted, true);
  assertEquals(router.deregistered.length, 1);
});

Deno.test("register refuses an onCommand that is no function", async () => {
  const error = await rejection(
    serveRegistered("http://127.0.0.1:1", {}, "x" as never),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "register.onCommand");
});
