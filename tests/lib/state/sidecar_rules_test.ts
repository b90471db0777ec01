import { assert, assertEquals } from "@std/assert";
import { sidecarServicesMax } from "../../../lib/limits.ts";
import { checkedSidecar } from "../../../lib/state/sidecar_rules.ts";
import { codecOf, type MessageInit } from "../../../proto/codec.ts";
import type { Sidecar } from "../../../proto/messages/state.ts";
import { schema } from "../../../proto/schema.ts";
import { sidecarNamed } from "../../fixtures/machine.ts";

const codec = codecOf<Sidecar>(schema.lookupType("conveyor.state.Sidecar"));

function checked(more: MessageInit<Sidecar>) {
  const { sidecar } = sidecarNamed("s", ["enrich"], more);
  return checkedSidecar(codec.decode(codec.encode(sidecar!)), 5);
}

function refusedField(more: MessageInit<Sidecar>): string {
  const result = checked(more);
  assert("refusal" in result, "it was taken");
  return result.refusal.field;
}

Deno.test("checkedSidecar() decides what is not the sidecar's to say", () => {
  const sidecar = checked({
    expired: true,
    draining: true,
    unhealthy: ["enrich"],
    told: { p: 1 },
    toldDraining: true,
  });
  assert("sidecarId" in sidecar);
  assertEquals(sidecar.registeredAtMs, 5);
  assertEquals(
    sidecar.expired || sidecar.draining || sidecar.toldDraining,
    false,
  );
  assertEquals([sidecar.unhealthy, sidecar.told], [[], {}]);
});

Deno.test("checkedSidecar() names the field that breaks a rule", () => {
  assert("refusal" in checkedSidecar(undefined, 0));
  assertEquals(refusedField({ sidecarId: "" }), "sidecar_id");
  assertEquals(refusedField({ registrationId: "" }), "registration_id");
  assertEquals(refusedField({ endpoint: "" }), "sidecar_endpoint");
  assertEquals(refusedField({ leaseTtlMs: 0 }), "lease_ttl_ms");
  const service = { serviceName: "enrich", localEndpoint: "http://localhost" };
  assertEquals(
    refusedField({ services: Array(sidecarServicesMax + 1).fill(service) }),
    "local_services",
  );
  assertEquals(refusedField({ podName: "x".repeat(70_000) }), "local_services");
  assertEquals(
    refusedField({ services: [service, { ...service, serviceName: "" }] }),
    "local_services.service_name",
  );
  assertEquals(
    refusedField({ services: [{ ...service, localEndpoint: "" }] }),
    "local_services.local_endpoint",
  );
});
