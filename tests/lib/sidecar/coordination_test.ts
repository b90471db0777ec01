/**
 * Goal: what a sidecar does with its services and its cluster does not hang on either.
 * Method: the coordination alone, with a coordinator behind a real connection, and services that answer when
 * the test says so.
 */
import { assert, assertEquals } from "@std/assert";
import { CoordinatorClient } from "../../../clients/coordinator_client.ts";
import { sidecarService } from "../../../lib/handlers/sidecar_handler.ts";
import { requestIdKey } from "../../../lib/metadata_keys.ts";
import type { Handlers } from "../../../lib/rpc/handler.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { ChannelPool } from "../../../lib/services/channel_pool.ts";
import {
  Coordination,
  type CoordinationParts,
} from "../../../lib/sidecar/coordination.ts";
import { Duties } from "../../../lib/sidecar/duties.ts";
import { RoutingTable } from "../../../lib/sidecar/routing_table.ts";
import type { SidecarCoordinatorMethods } from "../../../proto/messages/sidecar.ts";
import { FlowWorld } from "../../fixtures/flow_world.ts";
import { until } from "../../fixtures/until.ts";

const sidecarId = "pod-1";

/** Runs `work` with a coordination that is over when it ends; `handlers` are those of its coordinator. */
async function coordinated(
  handlers: Handlers<SidecarCoordinatorMethods>,
  more: Partial<CoordinationParts>,
  work: (coordination: Coordination) => Promise<void>,
): Promise<void> {
  await using server = new RpcServer(undefined, () => {});
  const address = await server.add(sidecarService, handlers)
    .listen("127.0.0.1:0");
  await using coordinator = await CoordinatorClient.connect(
    `http://${address}`,
  );
  const world = new FlowWorld();
  await using pool = new ChannelPool();
  const duties = new Duties({
    flow: world.flow,
    table: new RoutingTable({
      sidecarId,
      pool,
      ownUrl: () => "http://127.0.0.1:9091",
      localUrls: () => [],
      isExactlyOnce: () => false,
      routers: [],
    }),
    scheduler: world.time,
    drainTimeoutMs: 100,
  });
  const coordination = new Coordination({
    coordinator,
    duties,
    sidecarId,
    registration: () => ({
      sidecarId,
      sidecarEndpoint: "http://127.0.0.1:9091",
    }),
    look: () => Promise.resolve(false),
    told: () => {},
    state: () => ({}),
    replaced: () => {},
    heartbeatIntervalMs: 5,
    ...more,
  });
  await coordination.start();
  await work(coordination);
  await coordination.close(100);
  duties.close();
  await world.flow.close();
}

Deno.test("a sidecar is heard of while a service of its pod does not answer, and registers anew when it does", async () => {
  let registrations = 0;
  let beats = 0;
  const answer = Promise.withResolvers<boolean>();
  let looks = 0;
  await coordinated({
    registerSidecar: () => {
      registrations++;
      return { success: true, registrationId: `r${registrations}` };
    },
    heartbeat: () => {
      beats++;
      return { acknowledged: true };
    },
  }, {
    look: () => ++looks === 1 ? answer.promise : Promise.resolve(false),
  }, async () => {
    await until(() => beats > 3);
    assertEquals([looks, registrations], [1, 1]);
    answer.resolve(true);
    await until(() => registrations === 2 && looks > 1);
    const before = beats;
    await until(() => beats > before);
    assert(registrations === 2);
  });
});

Deno.test("a sidecar that was forgotten registers as one that was not there before, and says again that it drains", async () => {
  const requestIds: unknown[] = [];
  const told: string[] = [];
  let forgotten = false;
  await coordinated(
    {
      registerSidecar: (_request, { metadata }) => {
        requestIds.push(`${metadata[requestIdKey]?.[0]}`);
        forgotten = false;
        return { success: true, registrationId: `r${requestIds.length}` };
      },
      heartbeat: () => ({ acknowledged: !forgotten }),
      deregisterSidecar: ({ registrationId, drain }) => {
        told.push(`${registrationId} ${drain ? "drains" : "leaves"}`);
        return { success: true };
      },
    },
    {},
    async (coordination) => {
      await coordination.drain(1_000);
      assertEquals(told, ["r1 drains"]);
      forgotten = true;
      await until(() => told.length === 2);
    },
  );
  assertEquals(told, ["r1 drains", "r2 drains", "r2 leaves"]);
  assertEquals(new Set(requestIds).size, 2);
});

Deno.test("a sidecar says what it was told last, as often as its lease asks for", async () => {
  const known: unknown[] = [];
  await coordinated(
    {
      registerSidecar: () => ({
        success: true,
        registrationId: "r",
        versions: { orders: 7n },
        leaseTtl: { nanos: 15_000_000 },
      }),
      heartbeat: (request) => {
        known.push(request.known?.versions);
        return { acknowledged: true, versions: { orders: 7n + 1n } };
      },
    },
    { heartbeatIntervalMs: 3_600_000 },
    async () => {
      await until(() => known.length >= 3);
    },
  );
  assertEquals(known.slice(0, 3), [
    { orders: 7n },
    { orders: 8n },
    { orders: 8n },
  ]);
});
