import { assertEquals, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { StateBuilder } from "../../../lib/state/state_builder.ts";
import { Tables } from "../../../lib/state/tables.ts";
import { bytesOf, Machine, serviceNamed } from "../../fixtures/machine.ts";

function snapshotOf(services: number): Uint8Array {
  const machine = new Machine();
  for (let at = 0; at < services; at++) {
    machine.run({ registerService: { service: serviceNamed(`s${at}`) } });
  }
  return bytesOf(machine.state.snapshot());
}

Deno.test("StateBuilder makes the state of chunks that are cut anywhere", () => {
  const bytes = snapshotOf(50);
  for (const size of [1, 7, 1_000, bytes.length]) {
    const builder = new StateBuilder(new Tables());
    for (let at = 0; at < bytes.length; at += size) {
      builder.push(bytes.subarray(at, at + size));
    }
    const { tables, commands } = builder.finish();
    assertEquals(tables.services.size, 50);
    assertEquals(commands, 50);
  }
});

Deno.test("StateBuilder refuses what is damaged or not all there", () => {
  const bytes = snapshotOf(3);
  const finished = (bytes: Uint8Array): void => {
    const builder = new StateBuilder(new Tables());
    builder.push(bytes);
    builder.finish();
  };
  finished(bytes);
  const damaged = bytes.slice();
  damaged[bytes.length >> 1]! ^= 1;
  for (const bad of [damaged, bytes.subarray(0, -1), new Uint8Array(0)]) {
    const error = assertThrows(() => finished(bad), ConveyorError);
    assertEquals(error.code, Code.DataLoss);
  }
});
