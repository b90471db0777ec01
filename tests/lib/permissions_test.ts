import { assertEquals } from "@std/assert";
import {
  joinNeeds,
  missingPermissions,
  needsOfAddress,
} from "../../lib/permissions.ts";

const needs = {
  net: ["0.0.0.0:50051", "0.0.0.0:9464"],
  read: ["./data"],
  write: ["./data"],
};
const variables = ["CONVEYOR_*", "NO_COLOR"];

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
    missingPermissions(
      "router",
      needs,
      variables,
      permits("net", "read", "write", "env"),
    ),
    undefined,
  );
});

Deno.test("missingPermissions() names each flag to add, with its values", () => {
  assertEquals(
    missingPermissions("router", needs, variables, permits("env")),
    "Cannot start: the router is not permitted what it needs; add " +
      "--allow-net=0.0.0.0:50051,0.0.0.0:9464 --allow-read=./data --allow-write=./data",
  );
  assertEquals(
    missingPermissions(
      "router",
      needs,
      variables,
      permits("net", "read", "env"),
    ),
    "Cannot start: the router is not permitted what it needs; add --allow-write=./data",
  );
});

Deno.test("missingPermissions() asks only for the addresses that are not permitted", () => {
  const query = (descriptor: Deno.PermissionDescriptor) =>
    descriptor.name !== "net" || descriptor.host === "0.0.0.0:9464";
  assertEquals(
    missingPermissions("router", needs, variables, {
      query,
      environment: () => true,
    }),
    "Cannot start: the router is not permitted what it needs; add --allow-net=0.0.0.0:50051",
  );
});

Deno.test("missingPermissions() quotes what a shell would take for a pattern", () => {
  const text = missingPermissions(
    "router",
    needs,
    variables,
    permits("net", "read", "write"),
  );
  assertEquals(
    text?.slice(text.indexOf("--allow-env")),
    "--allow-env='CONVEYOR_*,NO_COLOR'",
  );
});

Deno.test("needsOfAddress() asks for a name without its port, and for a socket as a file too", () => {
  const ofNet = (host: string) => ({ net: [host], read: [], write: [] });
  assertEquals(needsOfAddress("10.0.0.1:5"), ofNet("10.0.0.1:5"));
  assertEquals(needsOfAddress("[::1]:5"), ofNet("[::1]:5"));
  assertEquals(needsOfAddress("https://10.0.0.1:5"), ofNet("10.0.0.1:5"));
  assertEquals(needsOfAddress("localhost:5"), ofNet("localhost"));
  assertEquals(needsOfAddress("http://a-1.b:5"), ofNet("a-1.b"));
  assertEquals(needsOfAddress("unix:/run/a"), {
    net: ["unix:/run/a"],
    read: ["/run/a"],
    write: ["/run/a"],
  });
});

Deno.test("joinNeeds() has each thing once", () => {
  assertEquals(
    joinNeeds({ net: ["a", "b"] }, { net: ["b"], read: ["c"] }),
    { net: ["a", "b"], read: ["c"], write: [] },
  );
});
