import { assertEquals, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { decodeAnswer } from "../../../lib/state/answer.ts";
import { snapshotChunks } from "../../../lib/state/snapshot_writer.ts";
import { State } from "../../../lib/state/state.ts";
import { bytesOf, Machine, serviceNamed } from "../../fixtures/machine.ts";
import { restore } from "../../fixtures/restore.ts";

function filled(): Machine {
  const machine = new Machine();
  machine.run({
    createPipeline: { pipelineId: "p", config: new Uint8Array([1]) },
  });
  machine.run({ registerService: { service: serviceNamed("s") } });
  machine.run({
    commitOffsets: {
      sources: [{ sourceId: "a", partitions: [0, 9], offsets: [1n, 2n] }],
    },
  });
  return machine;
}

Deno.test("State.apply() answers bytes that it cannot read with a refusal", () => {
  const { answer, events } = new State().apply(new Uint8Array([1, 2, 3]), {
    atMs: 0,
  });
  assertEquals(decodeAnswer(answer).refusal?.code, Code.Unimplemented);
  assertEquals(events, []);
});

Deno.test("State.snapshot() shows the moment it was asked for, though it is drawn later", () => {
  const machine = filled();
  const now = bytesOf(machine.state.snapshot());
  const later = machine.state.snapshot();
  machine.run({ deletePipeline: { pipelineId: "p" } });
  machine.run({ registerService: { service: serviceNamed("t") } });
  machine.run({
    commitOffsets: {
      sources: [{ sourceId: "a", partitions: [0], offsets: [7n] }],
    },
  });
  assertEquals(bytesOf(later), now);
});

Deno.test("State.restoring() replaces the state by the one of the snapshot", () => {
  const { state } = filled();
  const copy = filled().state;
  restore(copy, new State().snapshot());
  assertEquals(copy.services.size, 0);
  restore(copy, state.snapshot());
  assertEquals(bytesOf(copy.snapshot()), bytesOf(state.snapshot()));
  assertEquals(copy.services.get("s"), state.services.get("s"));
  assertEquals(copy.pipelines.list(), state.pipelines.list());
  assertEquals(copy.offsets.list("a"), state.offsets.list("a"));
  assertEquals(copy.offsets.size, 2);
});

Deno.test("State.restoring() leaves the state as it was when the snapshot is refused", () => {
  const { state } = filled();
  const before = bytesOf(state.snapshot());
  const chunks = [...new State().snapshot()];
  chunks[0]![9]! ^= 1;
  const damaged = assertThrows(() => restore(state, chunks), ConveyorError);
  assertEquals(damaged.code, Code.DataLoss);
  const unknown = assertThrows(
    // Field 14 of SnapshotEntry, which this version does not know.
    () => restore(state, snapshotChunks([[new Uint8Array([0x72, 0])]])),
    ConveyorError,
  );
  assertEquals(unknown.code, Code.FailedPrecondition);
  assertEquals(bytesOf(state.snapshot()), before);
});
