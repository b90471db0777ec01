/** Registration with a router that is small, but real: a ServiceRegistry behind a gRPC server. */
import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import {
  type Connector,
  type ConnectorOptions,
  serveSink,
} from "../../../lib/connector/connector.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import type {
  DeregisterRequest,
  HeartbeatRequest,
  RegisterRequest,
  ServiceRegistryMethods,
} from "../../../proto/messages/registry.ts";
import { type Service, serviceOf } from "../../../proto/service.ts";
import { rejection } from "../../fixtures/rejection.ts";

const address = "127.0.0.1:0";
const registry: Service<ServiceRegistryMethods> = serviceOf(
  "conveyor.registry.ServiceRegistry",
);

/** A router that keeps what it is told, and tells whoever waits. */
class FakeRouter implements AsyncDisposable {
  readonly registered: RegisterRequest[] = [];
  readonly heartbeats: HeartbeatRequest[] = [];
  readonly deregistered: DeregisterRequest[] = [];
  refusing = false;
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
          yield { acknowledged: !router.forgotten.has(request.registrationId) };
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
): Promise<Connector> {
  return serveSink(() => {}, {
    address,
    register: {
      router,
      service: { serviceId: "sink-1", name: "archive" },
      metadata: { labels: { zone: "a" } },
      heartbeatIntervalMs: 5,
      connect: { connectTimeoutMs: 1_000 },
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
