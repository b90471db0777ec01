import { assertEquals } from "@std/assert";
import { Health } from "../../../lib/rpc/health.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { ChannelPool } from "../../../lib/services/channel_pool.ts";
import { LocalServices } from "../../../lib/sidecar/local_services.ts";
import { ServiceType } from "../../../proto/messages/sidecar.ts";

Deno.test("LocalServices takes a service for broken when it fails two checks in a row, and for whole with one that it passes", async () => {
  const health = new Health();
  await using server = new RpcServer(undefined, () => {});
  health.addTo(server);
  const address = await server.listen("127.0.0.1:0");
  await using pool = new ChannelPool();
  const service = {
    serviceName: "store",
    serviceType: ServiceType.Sink,
    localEndpoint: `http://${address}`,
    exactlyOnce: false,
  };
  const services = new LocalServices([service], undefined, pool, () => 0);
  const { signal } = new AbortController();
  const seen: boolean[] = [];
  for (const serving of [true, false, true, false, false, false, true]) {
    health.set("", serving);
    assertEquals(await services.look(signal), false);
    seen.push(services.isHealthy(service));
  }
  assertEquals(seen, [true, true, true, true, false, false, true]);
});
