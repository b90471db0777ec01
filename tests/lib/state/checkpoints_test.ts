import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import {
  checkpointBytesMax,
  checkpointOffsetsMax,
} from "../../../lib/limits.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { SaveCheckpoint } from "../../../proto/messages/state.ts";
import { bytesOf, Machine, serviceNamed } from "../../fixtures/machine.ts";

function save(more: MessageInit<SaveCheckpoint> = {}) {
  return {
    saveCheckpoint: {
      serviceId: "s",
      checkpointId: "c1",
      data: new Uint8Array([1]),
      ...more,
    },
  };
}

Deno.test("Checkpoints.save() keeps the latest of each service", () => {
  const machine = new Machine();
  machine.run(save());
  machine.atMs += 1;
  const { answer, events } = machine.run(save({
    checkpointId: "c2",
    data: new Uint8Array([2]),
    sourceOffsets: { a: { offsets: { 0: 5n } } },
  }));
  assertEquals(answer.checkpoint, {
    checkpointId: "c2",
    createdAtMs: machine.atMs,
  });
  assertEquals(events, [
    { kind: "checkpointSaved", serviceId: "s", checkpointId: "c2" },
  ]);
  assertEquals(machine.state.checkpoints.get("s"), {
    serviceId: "s",
    checkpointId: "c2",
    data: new Uint8Array([2]),
    sourceOffsets: { a: { offsets: { 0: 5n } } },
    createdAtMs: machine.atMs,
    serviceName: "",
  });
  assertEquals(machine.state.checkpoints.size, 1);
});

Deno.test("Checkpoints are found by the name of their service, also when it is gone", () => {
  const machine = new Machine();
  machine.run({ registerService: { service: serviceNamed("s") } });
  machine.run(save());
  machine.run({
    deregisterService: { serviceId: "s", registrationId: "s-registration" },
  });
  machine.run(save({ checkpointId: "c2" }));
  const named = machine.state.checkpoints.named("enrich");
  assertEquals(named.map(({ checkpointId }) => checkpointId), ["c2"]);
});

Deno.test("Checkpoints are the same bytes in whatever order their positions come", () => {
  const [one, other] = [new Machine(), new Machine()];
  const offsets = { 4_294_967_295: 1n, 9: 2n, 10: 3n };
  one.run(save({ sourceOffsets: { b: { offsets }, a: { offsets: {} } } }));
  other.run(save({
    sourceOffsets: {
      a: { offsets: {} },
      b: { offsets: { 10: 3n, 9: 2n, 4_294_967_295: 1n } },
    },
  }));
  assertEquals(bytesOf(one.state.snapshot()), bytesOf(other.state.snapshot()));
});

Deno.test("Checkpoints.save() refuses what is too large or has no name", () => {
  const machine = new Machine();
  const refused = (more: MessageInit<SaveCheckpoint>) =>
    machine.refused(save(more));
  assertEquals(refused({ serviceId: "" }).field, "service_id");
  assertEquals(refused({ checkpointId: "" }).field, "checkpoint_id");
  assertEquals(refused({ data: new Uint8Array(checkpointBytesMax + 1) }), {
    code: Code.InvalidArgument,
    field: "data",
    rule: "must have at most 1048576 bytes",
    found: "1048577 bytes",
  });
  const offsets = Object.fromEntries(
    Array.from({ length: checkpointOffsetsMax }, (_, i) => [i, 0n]),
  );
  assertEquals(
    refused({ sourceOffsets: { a: { offsets } } }).field,
    "source_offsets",
  );
  assertEquals(
    refused({ sourceOffsets: { "": { offsets: {} } } }).field,
    "source_offsets",
  );
  machine.run(save({ data: new Uint8Array(checkpointBytesMax) }));
});
