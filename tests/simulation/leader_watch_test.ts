import { assert, assertEquals } from "@std/assert";
import type { Status } from "../../lib/raft/types.ts";
import { LeaderWatch } from "./leader_watch.ts";

const settings = {
  tickMs: 50,
  heartbeatTicks: 2,
  electionTicks: 10,
  snapshotLogBytes: 1,
  logTailEntries: 1,
};

function statusOf(
  role: Status["role"],
  term: number,
  leadTransferee = 0,
): Status {
  return { role, term, leadTransferee } as unknown as Status;
}

Deno.test("LeaderWatch finds a leader that is silent, and no follower", () => {
  const watch = new LeaderWatch(settings);
  const at = (nowMs: number, status: Status, runsSinceMs = 0) =>
    watch.observed(1, status, nowMs, runsSinceMs);
  assertEquals(at(5_000, statusOf("leader", 2)), undefined);
  assertEquals(at(5_600, statusOf("leader", 2)), undefined);
  watch.sent(1, 5_600);
  assertEquals(at(6_200, statusOf("leader", 2)), undefined);
  // It was stopped meanwhile.
  assertEquals(at(9_000, statusOf("leader", 2), 8_900), undefined);
  assert(at(9_000, statusOf("leader", 2))?.includes("is silent"));
  assertEquals(at(20_000, statusOf("follower", 3)), undefined);
  assertEquals(at(20_000, statusOf("leader", 4)), undefined);
});

Deno.test("LeaderWatch finds a leader that waits too long for the next one", () => {
  const watch = new LeaderWatch(settings);
  const at = (nowMs: number, transferee: number, runsSinceMs = 0) => {
    watch.sent(1, nowMs);
    const status = statusOf("leader", 2, transferee);
    return watch.observed(1, status, nowMs, runsSinceMs);
  };
  assertEquals(at(0, 0), undefined);
  assertEquals(at(5_000, 3), undefined);
  assertEquals(at(6_200, 3), undefined);
  assertEquals(at(6_400, 3, 6_000), undefined);
  assert(at(6_400, 3)?.includes("for node 3"));
  // Another one has as long.
  assertEquals(at(6_500, 2), undefined);
  assertEquals(at(9_000, 0), undefined);
});
