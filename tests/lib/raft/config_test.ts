import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { checkConfig } from "../../../lib/raft/config.ts";
import type { Config } from "../../../lib/raft/types.ts";
import { config, storageWith } from "../../fixtures/raft_network.ts";

const good = config(1, storageWith([1]));

Deno.test("checkConfig() takes a sound configuration", () => {
  checkConfig(good);
  checkConfig({ ...good, maxUncommittedBytes: Infinity });
});

const bad: readonly [option: keyof Config, value: number][] = [
  ["id", 0],
  ["id", 1.5],
  ["heartbeatTicks", 0],
  ["electionTicks", good.heartbeatTicks],
  ["electionTicks", 2.5],
  ["maxBytesPerMessage", 0],
  ["maxInflightMessages", -1],
  ["maxInflightBytes", NaN],
  ["maxCommittedBytesPerReady", 0],
  ["maxUncommittedBytes", 0.5],
  ["maxPendingReads", 0],
];

for (const [option, value] of bad) {
  Deno.test(`checkConfig() refuses ${option} of ${value} by its name`, () => {
    const error = assertThrows(
      () => checkConfig({ ...good, [option]: value }),
      ConveyorError,
    );
    assertEquals(error.code, Code.InvalidArgument);
    assertStringIncludes(error.message, `"${option}"`);
    assertStringIncludes(error.message, `found ${value}`);
  });
}
