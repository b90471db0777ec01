/** Registration with a router that is small, but real: a ServiceRegistry behind a gRPC server. */
import { assert, assertEquals } from "@std/assert";
import { Code, messageOf } from "../../../lib/errors.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import {
  FakeRouter,
  serveRegistered,
  untilHealth,
} from "../../fixtures/fake_router.ts";
import { rejection } from "../../fixtures/rejection.ts";

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

Deno.test("close() tells of no trouble when the router ends together with the connector", async () => {
  await using router = await FakeRouter.start();
  router.ending = true;
  const reports: string[] = [];
  const server = await serveRegistered(router.url, {
    drainTimeoutMs: 200,
    onError: (_where, error) => void reports.push(messageOf(error)),
  });
  await router.until(() => router.heartbeats.length >= 1);
  await server.close();
  assertEquals(reports, []);
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

Deno.test("register leaves its place to who has replaced it, and takes it back when that is gone", async () => {
  await using router = await FakeRouter.start();
  const newer = { host: "10.0.0.9", port: 7_000 };
  router.forgotten.add("r1");
  router.endpoints = [{ serviceId: "sink-1", endpoint: newer }];
  const reports: string[] = [];
  await using _server = await serveRegistered(router.url, {
    onError: (_where, error) => void reports.push(messageOf(error)),
  });
  await router.until(() => router.lookups >= 3);
  assertEquals(router.registered.length, 1);
  assertEquals(reports, [
    'Cannot go on as service "sink-1": 10.0.0.9:7000 has registered under that id; this one registers again when that is gone',
  ]);
  router.endpoints = [];
  await router.until(() =>
    router.heartbeats.some(({ registrationId }) => registrationId === "r2")
  );
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
  await untilHealth(server, "Serving");
  router.commands = [{ drain: { reason: "maintenance" } }];
  await untilHealth(server, "NotServing");
  router.commands = [{ resume: {} }];
  await untilHealth(server, "Serving");
  router.commands = [{ drain: { reason: "maintenance" } }];
  await untilHealth(server, "NotServing");
  router.forgotten.add("r1");
  await untilHealth(server, "Serving");
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
