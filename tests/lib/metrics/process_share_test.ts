import { assert, assertEquals } from "@std/assert";
import {
  processBounds,
  ProcessShare,
  processUse,
} from "../../../lib/metrics/process_share.ts";

Deno.test("ProcessShare tells the processor time since it was last asked, and the memory, as shares", () => {
  let nowMs = 1_000;
  const use = { cpuMs: 500, memoryBytes: 250 };
  const share = new ProcessShare(
    { nowMs: () => nowMs, monotonicMs: () => nowMs },
    { cpus: 2, memoryBytes: 1_000 },
    () => ({ ...use }),
  );
  nowMs += 1_000;
  use.cpuMs += 500;
  assertEquals(share.read(), { cpu: 0.25, memory: 0.25 });
  assertEquals(share.read(), { cpu: 0, memory: 0.25 });
  nowMs += 100;
  use.cpuMs += 1_000;
  use.memoryBytes = 2_000;
  assertEquals(share.read(), { cpu: 1, memory: 1 });
});

Deno.test("ProcessShare tells no share of memory where the bound is not known", () => {
  const time = { nowMs: () => 0, monotonicMs: () => 0 };
  const bounds = { cpus: 1, memoryBytes: undefined };
  assertEquals(new ProcessShare(time, bounds).read(), { cpu: 0, memory: 0 });
});

Deno.test("processBounds() are those of the container, or of the machine", () => {
  const { hardwareConcurrency: all } = navigator;
  const files: Record<string, string> = {
    "/sys/fs/cgroup/cpu.max": "50000 100000\n",
    "/sys/fs/cgroup/memory.max": "268435456\n",
  };
  assertEquals(processBounds((path) => files[path]), {
    cpus: 0.5,
    memoryBytes: 268_435_456,
  });
  const unlimited = { cpu: "max 100000\n", memory: "max\n" };
  const bounds = processBounds((path) =>
    path.includes("cpu") ? unlimited.cpu : unlimited.memory
  );
  assertEquals(bounds.cpus, all);
  assert(bounds.memoryBytes! > 1e8);
  assertEquals(processBounds(() => undefined), bounds);
});

Deno.test("processUse() rises with work", () => {
  const before = processUse();
  let sum = 0;
  while (processUse().cpuMs - before.cpuMs < 20) sum += Math.sqrt(sum + 1);
  assert(processUse().memoryBytes > 1e6);
});
