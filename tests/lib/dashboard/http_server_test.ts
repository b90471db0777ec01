import { assertEquals, assertRejects } from "@std/assert";
import { HttpServer } from "../../../lib/dashboard/http_server.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { single } from "../../../lib/metrics/sample.ts";

Deno.test("HttpServer serves metrics, health and readiness", async () => {
  let reason: string | undefined = "no leader is known";
  await using server = await HttpServer.listen("127.0.0.1:0", {
    metrics: [() => [single("up", "gauge", "Up.", 1)]],
    unready: () => reason,
  });
  const get = async (path: string, method = "GET"): Promise<string> => {
    const response = await fetch(`http://${server.address}${path}`, { method });
    return `${response.status} ${(await response.text()).split("\n").at(-2)}`;
  };
  assertEquals(await get("/metrics"), "200 up 1");
  assertEquals(await get("/healthz"), "200 alive");
  assertEquals(await get("/readyz"), "503 no leader is known");
  reason = undefined;
  assertEquals(await get("/readyz"), "200 ready");
  assertEquals(
    await get("/other"),
    "404 Served here: /metrics, /healthz, /readyz",
  );
  assertEquals(await get("/metrics", "POST"), "405 Only GET is served here");
});

Deno.test("HttpServer.listen() refuses a malformed or taken address", async () => {
  const content = { metrics: [], unready: () => undefined };
  for (const address of ["8080", "a:b:1", "host:99999", "host:"]) {
    const error = await assertRejects(
      () => HttpServer.listen(address, content),
      ConveyorError,
    );
    assertEquals(error.details[0]?.field, "address");
  }
  await using server = await HttpServer.listen("127.0.0.1:0", content);
  const error = await assertRejects(
    () => HttpServer.listen(server.address, content),
    ConveyorError,
  );
  assertEquals(error.code, Code.Unavailable);
});
