/**
 * Routers that are lost. The timer with which grpc-js dials them again outlives its channel, so this
 * file is without leak checks, as tests/clients/channel_reconnect_test.ts is.
 */
import { assertEquals } from "@std/assert";
import { messageOf } from "../../../lib/errors.ts";
import { leaseTtlMsMin } from "../../../lib/limits.ts";
import {
  FakeRouter,
  serveRegistered,
  untilHealth,
} from "../../fixtures/fake_router.ts";

const unchecked = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "close() does not wait for a router that is gone, and reports it",
  unchecked,
  async () => {
    const router = await FakeRouter.start();
    const told = Promise.withResolvers<string>();
    const server = await serveRegistered(router.url, {
      onError: (where) => told.resolve(where),
    });
    await router[Symbol.asyncDispose]();
    assertEquals(await told.promise, "registration");
    await server.close();
  },
);

Deno.test(
  "a router that is lost is left for another one under the same registration",
  unchecked,
  async () => {
    const first = await FakeRouter.start();
    await using second = await FakeRouter.start();
    await using _server = await serveRegistered(
      [first.url, second.url],
      { onError: () => {} },
    );
    await first.until(() => first.heartbeats.length > 0);
    await first[Symbol.asyncDispose]();
    await second.until(() => second.heartbeats.length > 2);
    assertEquals(second.heartbeats[0]?.registrationId, "r1");
    assertEquals(second.registered, []);
  },
);

Deno.test(
  "a router that answers no heartbeat is left for another one while the lease lasts",
  unchecked,
  async () => {
    await using first = await FakeRouter.start();
    await using second = await FakeRouter.start();
    const reasons: string[] = [];
    await using _server = await serveRegistered([first.url, second.url], {
      onError: (_where, error) => void reasons.push(messageOf(error)),
    });
    await first.until(() => first.heartbeats.length > 2);
    first.silent = true;
    await second.until(() => second.heartbeats.length > 2);
    assertEquals(second.heartbeats[0]?.registrationId, "r1");
    assertEquals(reasons, [
      `Cannot renew the lease: the router has not answered for ${leaseTtlMsMin} ms`,
    ]);
  },
);

Deno.test(
  "registration takes the first of several routers that is there",
  unchecked,
  async () => {
    const gone = await FakeRouter.start();
    await gone[Symbol.asyncDispose]();
    await using router = await FakeRouter.start();
    const server = await serveRegistered([gone.url, router.url]);
    assertEquals(router.registered.length, 1);
    await server.close();
    assertEquals(router.deregistered.length, 1);
  },
);

Deno.test(
  "a drain that a lost router asked for ends with the stream of another one",
  unchecked,
  async () => {
    const first = await FakeRouter.start();
    await using second = await FakeRouter.start();
    await using server = await serveRegistered([first.url, second.url], {
      onError: () => {},
    });
    first.commands = [{ drain: { reason: "maintenance" } }];
    await untilHealth(server, "NotServing");
    await first[Symbol.asyncDispose]();
    await untilHealth(server, "Serving");
  },
);
