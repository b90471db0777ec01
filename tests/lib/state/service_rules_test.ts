import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { serviceCharsMax } from "../../../lib/limits.ts";
import {
  badSize,
  checkedService,
  healthInForm,
} from "../../../lib/state/service_rules.ts";
import { codecOf, type MessageInit } from "../../../proto/codec.ts";
import { HealthStatus } from "../../../proto/messages/common.ts";
import type { Service } from "../../../proto/messages/state.ts";
import { schema } from "../../../proto/schema.ts";
import { serviceNamed } from "../../fixtures/machine.ts";

const codec = codecOf<Service>(schema.lookupType("conveyor.state.Service"));

function checked(
  more: MessageInit<Service>,
): ReturnType<typeof checkedService> {
  return checkedService(codec.decode(codec.encode(more)), 5);
}

function refusedField(more: MessageInit<Service>): string {
  const result = checked(more);
  assert("refusal" in result, "it was taken");
  assertEquals(result.refusal.code, Code.InvalidArgument);
  return result.refusal.field;
}

Deno.test("checkedService() keeps labels in one order and decides what is not the service's", () => {
  const one = checked(serviceNamed("s", {
    metadata: { labels: { b: "1", a: "2", "10": "x", ["__proto__"]: "y" } },
    expired: true,
    draining: true,
    registeredAtMs: 99,
  }));
  const other = checked(serviceNamed("s", {
    metadata: { labels: { ["__proto__"]: "y", "10": "x", a: "2", b: "1" } },
  }));
  assert("identity" in one && "identity" in other);
  assertEquals(codec.encode(one), codec.encode(other));
  assertEquals(one.registeredAtMs, 5);
  assertEquals(one.expired, false);
  assertEquals(Object.keys(one.metadata.labels), ["10", "__proto__", "a", "b"]);
});

Deno.test("checkedService() names the field that breaks a rule", () => {
  const labels = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, i) => [`label-${i}`, ""]),
  );
  const of = (more: MessageInit<Service>) => serviceNamed("s", more);
  assertEquals(refusedField({}), "identity");
  assertEquals(refusedField(serviceNamed("")), "identity.service_id");
  assertEquals(refusedField(of({ metadata: { labels } })), "metadata.labels");
  assertEquals(refusedField(of({ registrationId: "" })), "registration_id");
  for (const leaseTtlMs of [0, -1, NaN, Infinity, 1e12]) {
    assertEquals(refusedField(of({ leaseTtlMs })), "lease_ttl_ms");
  }
  for (const port of [0, 65_536]) {
    assertEquals(
      refusedField(of({ endpoint: { host: "h", port } })),
      "endpoint.port",
    );
  }
  assertEquals(refusedField(of({ endpoint: { port: 1 } })), "endpoint.host");
  const capabilities = Array.from({ length: 10_000 }, () => "");
  assertEquals(
    refusedField(of({ identity: { capabilities } })),
    "identity",
  );
  const result = checkedService(undefined, 0);
  assert("refusal" in result);
});

Deno.test("badSize() bounds what is said in all", () => {
  const of = (message: string) => badSize("health", { message });
  assertEquals(of("fine"), undefined);
  assertEquals(of("x".repeat(serviceCharsMax))?.refusal.field, "health");
});

Deno.test("healthInForm() fills in what was not said", () => {
  assertEquals(healthInForm(undefined), {
    status: HealthStatus.Unspecified,
    message: "",
    components: {},
  });
});
