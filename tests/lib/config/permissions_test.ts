import { assertEquals } from "@std/assert";
import { missingPermissions } from "../../../lib/config/permissions.ts";

const needs = {
  net: ["0.0.0.0:50051", "0.0.0.0:9464"],
  read: ["./data"],
  write: ["./data"],
};

/** Permits what `names` has. */
function permits(...names: readonly string[]) {
  return {
    query: (descriptor: Deno.PermissionDescriptor) =>
      names.includes(descriptor.name),
    environment: () => names.includes("env"),
  };
}

Deno.test("missingPermissions() says nothing when all is permitted", () => {
  assertEquals(
    missingPermissions("router", needs, permits("net", "read", "write", "env")),
    undefined,
  );
});

Deno.test("missingPermissions() names each flag to add, with its values", () => {
  assertEquals(
    missingPermissions("router", needs, permits("env")),
    "Cannot start: the router is not permitted what it needs; add " +
      "--allow-net=0.0.0.0:50051,0.0.0.0:9464 --allow-read=./data --allow-write=./data",
  );
  assertEquals(
    missingPermissions("router", needs, permits("net", "read", "env")),
    "Cannot start: the router is not permitted what it needs; add --allow-write=./data",
  );
});

Deno.test("missingPermissions() asks only for the addresses that are not permitted", () => {
  const query = (descriptor: Deno.PermissionDescriptor) =>
    descriptor.name !== "net" || descriptor.host === "0.0.0.0:9464";
  assertEquals(
    missingPermissions("router", needs, { query, environment: () => true }),
    "Cannot start: the router is not permitted what it needs; add --allow-net=0.0.0.0:50051",
  );
});

Deno.test("missingPermissions() quotes what a shell would take for a pattern", () => {
  const text = missingPermissions(
    "router",
    needs,
    permits("net", "read", "write"),
  );
  assertEquals(
    text?.slice(text.indexOf("--allow-env"), text.indexOf("GRPC")),
    "--allow-env='CONVEYOR_*,",
  );
});
