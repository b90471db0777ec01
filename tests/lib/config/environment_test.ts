import { assert, assertEquals } from "@std/assert";
import {
  environmentNames,
  misspeltVariables,
} from "../../../lib/config/environment.ts";
import { serverSettings } from "../../../lib/config/server_settings.ts";
import { sidecarSettings } from "../../../lib/config/sidecar_settings.ts";

Deno.test("environmentNames() has the variables of a sidecar that are named otherwise", () => {
  const names = environmentNames(sidecarSettings);
  for (const name of ["SIDECAR_ID", "CLUSTER_ENDPOINT", "GRPC_PORT"]) {
    assert(names.includes(name), name);
  }
  assert(!environmentNames(serverSettings).includes("SIDECAR_ID"));
});

Deno.test("the package's permission set has the variables of a router", async () => {
  const manifest = JSON.parse(
    await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)),
  );
  assertEquals(
    manifest.permissions.default.env,
    environmentNames(serverSettings),
  );
});

Deno.test("misspeltVariables() tells what was meant, and leaves others their names", () => {
  assertEquals(
    misspeltVariables(serverSettings, [
      "CONVEYOR_LISTN_ADDR",
      "CONVEYOR_LISTEN_ADDR",
      "CONVEYOR_CONFIG",
      "CONVEYOR_SERVICE_HOST",
      "CONVEYOR_PORT_50051_TCP",
      "CONVEYOR_PORT",
      "LISTEN_ADDR",
    ]),
    [["CONVEYOR_LISTN_ADDR", "CONVEYOR_LISTEN_ADDR"]],
  );
});
