import { assertEquals, assertThrows } from "@std/assert";
import { resolveConsensusOptions } from "../../../lib/consensus/settings.ts";
import { ConveyorError } from "../../../lib/errors.ts";

Deno.test("resolveConsensusOptions() counts times in ticks", () => {
  const settings = resolveConsensusOptions();
  assertEquals(settings.heartbeatTicks * settings.tickMs, 100);
  assertEquals(settings.electionTicks * settings.tickMs, 1_000);
  const quick = resolveConsensusOptions({
    heartbeatIntervalMs: 20,
    electionTimeoutMs: 100,
  });
  assertEquals(quick.electionTicks * quick.tickMs, 100);
});

Deno.test("resolveConsensusOptions() refuses what breaks a rule, by name", () => {
  const cases = [
    [{ heartbeatIntervalMs: 0 }, "heartbeatIntervalMs"],
    [{ electionTimeoutMs: 150 }, "electionTimeoutMs"],
    [{ snapshotLogBytes: 0 }, "snapshotLogBytes"],
    [{ logTailEntries: 1.5 }, "logTailEntries"],
  ] as const;
  for (const [options, field] of cases) {
    const error = assertThrows(
      () => resolveConsensusOptions(options),
      ConveyorError,
    );
    assertEquals(error.details[0]?.field, field);
  }
});
