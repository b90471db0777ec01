/**
 * Goal: what a sidecar does with its services and its cluster does not hang on either.
 * Method: the coordination alone, with a coordinator behind a real connection, and services that answer when
 * the test says so.
 */
import { assert, assertEquals } from "@std/assert";
import { CoordinatorClient } from "../../../clients/coordinator_client.ts";
import { sidecarService } from "../../../lib/handlers/sidecar_handler.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { ChannelPool } from "../../../lib/services/channel_pool.ts";
import { Coordination } from "../../../lib/sidecar/coordination.ts";
import { Duties } from "../../../lib/sidecar/duties.ts";
import { RoutingTable } from "../../../lib/sidecar/routing_table.ts";
import { FlowWorld } from "../../fixtures/flow_world.ts";
import { until } from "../../fixtures/until.ts";

const sidecarId = "pod-1";

Deno.test("a sidecar is heard of while a service of its pod does not answer, and registers anew when it does", async () => {
  let registrations = 0;
  let beats = 0;
  await using server = new RpcServer(undefined, () => {});
  const address = await server.add(sidecarService, {
    registerSidecar: () => {
      registrations++;
      return { success: true, registrationId: `r${registrations}` };
    },
    heartbeat: () => {
      beats++;
      return { acknowledged: true };
    },
  }).listen("127.0.0.1:0");
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
  const answer = Promise.withResolvers<boolean>();
  let looks = 0;
  const coordination = new Coordination({
    coordinator,
    duties,
    sidecarId,
    registration: () => ({
      sidecarId,
      sidecarEndpoint: "http://127.0.0.1:9091",
    }),
    look: () => ++looks === 1 ? answer.promise : Promise.resolve(false),
    told: () => {},
    state: () => ({}),
    replaced: () => {},
    heartbeatIntervalMs: 5,
  });
  await coordination.start();
  await until(() => beats > 3);
  assertEquals([looks, registrations], [1, 1]);
  answer.resolve(true);
  await until(() => registrations === 2 && looks > 1);
  const before = beats;
  await until(() => beats > before);
  assert(registrations === 2);
  await coordination.close(100);
  duties.close();
  await world.flow.close();
});
