import { assertEquals } from "@std/assert";
import {
  durationOf,
  msOf,
  timestampOf,
} from "../../../lib/handlers/wire_time.ts";

Deno.test("durationOf() and msOf() undo each other, to the millisecond", () => {
  for (const ms of [0, 1, 999, 1_000, 1_001, 86_400_000, -1, -1_500]) {
    assertEquals(msOf(durationOf(ms)), ms);
  }
  assertEquals(durationOf(1_500.9), { seconds: 1n, nanos: 500_000_000 });
  assertEquals(msOf(undefined), undefined);
});

Deno.test("timestampOf() counts nanoseconds forward, also before 1970", () => {
  const nanos = 500_000_000;
  assertEquals(timestampOf(1_500), { seconds: 1n, nanos });
  assertEquals(timestampOf(-500), { seconds: -1n, nanos });
  assertEquals(timestampOf(0), { seconds: 0n, nanos: 0 });
});
