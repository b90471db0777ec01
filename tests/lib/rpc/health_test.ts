import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { Health } from "../../../lib/rpc/health.ts";
import {
  HealthCheckResponseServingStatus as ServingStatus,
  type HealthMethods,
} from "../../../proto/messages/health.ts";
import { type Service, serviceOf } from "../../../proto/service.ts";
import { Loopback } from "../../fixtures/loopback.ts";
import { rejection } from "../../fixtures/rejection.ts";

const { methods }: Service<HealthMethods> = serviceOf("grpc.health.v1.Health");

function served(health: Health): Loopback {
  return new Loopback().add(
    serviceOf<HealthMethods>("grpc.health.v1.Health"),
    health.handlers(),
  );
}

async function* once(service: string): AsyncGenerator<{ service: string }> {
  yield await Promise.resolve({ service });
}

Deno.test("check() answers for the server and for each service", async () => {
  const health = new Health(["a", "b"]);
  const client = served(health);
  health.set("b", false);
  const statuses = [];
  for (const service of ["", "a", "b"]) {
    statuses.push((await client.unary(methods.check, { service })).message);
  }
  assertEquals(statuses, [
    { status: ServingStatus.Serving },
    { status: ServingStatus.Serving },
    { status: ServingStatus.NotServing },
  ]);
});

Deno.test("check() rejects with NotFound when the server has no such service", async () => {
  const client = served(new Health(["a"]));
  const error = await rejection(
    client.unary(methods.check, { service: "z" }),
    Code.NotFound,
  );
  assertEquals(
    error.message,
    'Cannot check "z": this server has no such service',
  );
});

Deno.test("list() answers every service and the server", async () => {
  const health = new Health(["a"]);
  health.set("a", false);
  const { message } = await served(health).unary(methods.list, {});
  assertEquals(message.statuses, {
    "": { status: ServingStatus.Serving },
    a: { status: ServingStatus.NotServing },
  });
});

Deno.test("watch() yields each change once, and ends after a drain", async () => {
  const health = new Health(["a"]);
  const seen: ServingStatus[] = [];
  for await (
    const { status } of served(health).stream(methods.watch, once("a"))
  ) {
    seen.push(status);
    if (seen.length === 1) {
      health.set("other", false);
      health.set("a", false);
    }
    if (seen.length === 2) health.set("a", true);
    if (seen.length === 3) health.drain();
  }
  assertEquals(seen, [
    ServingStatus.Serving,
    ServingStatus.NotServing,
    ServingStatus.Serving,
    ServingStatus.NotServing,
  ]);
});

Deno.test("watch() tells of a service that comes only later", async () => {
  const health = new Health();
  const seen: ServingStatus[] = [];
  for await (
    const { status } of served(health).stream(methods.watch, once("late"))
  ) {
    seen.push(status);
    if (seen.length === 2) break;
    health.set("late", true);
  }
  assertEquals(seen, [ServingStatus.ServiceUnknown, ServingStatus.Serving]);
});

Deno.test("set() changes nothing once the server drains", async () => {
  const health = new Health(["a"]);
  health.drain();
  health.set("a", true);
  const { message } = await served(health).unary(methods.check, {
    service: "a",
  });
  assertEquals(message.status, ServingStatus.NotServing);
});
