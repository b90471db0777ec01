import { assertEquals } from "@std/assert";
import { seededRandom } from "../../../lib/random.ts";
import { LeaseTable } from "../../../lib/registry/lease.ts";
import { LeaseKind, type LeaseRef } from "../../../proto/messages/state.ts";
import { pick } from "../../fixtures/mutations.ts";

function lease(id: string, registrationId = "r1"): LeaseRef {
  return { kind: LeaseKind.Service, id, registrationId };
}

function started(id = "a"): LeaseTable {
  const table = new LeaseTable();
  table.follow({ kind: "leaseStarted", lease: lease(id), ttlMs: 100 }, 1_000);
  return table;
}

Deno.test("LeaseTable.renew() moves the deadline, and tells apart who may not", () => {
  const table = started();
  assertEquals(table.renew(lease("a"), 1_050), {
    kind: "renewed",
    deadlineMs: 1_150,
  });
  assertEquals(table.renew(lease("a", "r0"), 1_050), { kind: "replaced" });
  assertEquals(table.renew(lease("b"), 1_050), { kind: "unknown" });
  const sidecar = { ...lease("a"), kind: LeaseKind.Sidecar };
  assertEquals(table.renew(sidecar, 1_050), { kind: "unknown" });
  assertEquals(table.heardMs(lease("a")), 1_050);
  assertEquals(table.heardMs(lease("b")), undefined);
});

Deno.test("LeaseTable.due() says what to expire, and one time-to-live later what to remove", () => {
  const table = started();
  assertEquals(table.due(1_099, 10), { expire: [], remove: [] });
  assertEquals(table.due(1_100, 10), { expire: [lease("a")], remove: [] });
  // The same until the state has it.
  assertEquals(table.due(1_500, 10), { expire: [lease("a")], remove: [] });
  table.follow({ kind: "leaseExpired", lease: lease("a") }, 1_500);
  assertEquals(table.due(1_199, 10), { expire: [], remove: [] });
  assertEquals(table.due(1_200, 10), { expire: [], remove: [lease("a")] });
  table.follow({ kind: "leaseEnded", lease: lease("a") }, 1_500);
  assertEquals(table.size, 0);
});

Deno.test("LeaseTable.renew() of a lease that ran out asks for its revival", () => {
  const table = started();
  table.follow({ kind: "leaseExpired", lease: lease("a") }, 1_100);
  assertEquals(table.renew(lease("a"), 1_150), {
    kind: "late",
    deadlineMs: 1_250,
  });
  assertEquals(table.due(1_300, 10), { expire: [], remove: [] });
  table.follow({ kind: "leaseRevived", lease: lease("a") }, 1_160);
  assertEquals(table.renew(lease("a"), 1_170).kind, "renewed");
  assertEquals(table.due(1_270, 10), { expire: [lease("a")], remove: [] });
});

Deno.test("LeaseTable.follow() passes over what was of a replaced registration", () => {
  const table = started();
  table.follow(
    { kind: "leaseStarted", lease: lease("a", "r2"), ttlMs: 100 },
    1_000,
  );
  table.follow({ kind: "leaseEnded", lease: lease("a") }, 1_000);
  table.follow({ kind: "leaseExpired", lease: lease("a") }, 1_000);
  assertEquals(table.renew(lease("a", "r2"), 1_010).kind, "renewed");
});

Deno.test("LeaseTable.reset() renews all once, but those that have run out", () => {
  const table = started("gone");
  table.reset([
    { lease: lease("a"), ttlMs: 100, expired: false },
    { lease: lease("b"), ttlMs: 100, expired: true },
  ], 5_000);
  assertEquals(table.size, 2);
  assertEquals(table.heardMs(lease("a")), undefined);
  assertEquals(table.due(5_099, 10), { expire: [], remove: [] });
  assertEquals(table.due(5_100, 10), {
    expire: [lease("a")],
    remove: [lease("b")],
  });
});

Deno.test("LeaseTable.due() gives no more than asked for", () => {
  const table = new LeaseTable();
  for (let i = 0; i < 10; i++) {
    table.follow({ kind: "leaseStarted", lease: lease(`${i}`), ttlMs: 1 }, 0);
  }
  assertEquals(table.due(10, 3).expire.length, 3);
});

Deno.test("LeaseTable.postpone() moves every deadline", () => {
  const table = started();
  table.postpone(500);
  assertEquals(table.due(1_599, 10).expire, []);
  assertEquals(table.due(1_600, 10).expire, [lease("a")]);
});

Deno.test("LeaseTable.due() says what a look at every lease would, whatever happened since the last", () => {
  const random = seededRandom(1);
  const table = new LeaseTable();
  const model = new Map<string, { deadlineMs: number; expired: boolean }>();
  const ttlMs = 20;
  for (let nowMs = 0; nowMs < 5_000; nowMs++) {
    const id = `${Math.floor(random() * 5)}`;
    const known = model.get(id);
    const kind = pick(
      [
        "leaseStarted",
        "leaseExpired",
        "leaseRevived",
        "leaseEnded",
        "renewed",
        "postponed",
        "nothing",
        "nothing",
      ] as const,
      random,
    );
    if (kind === "leaseStarted") {
      table.follow({ kind, lease: lease(id), ttlMs }, nowMs);
      model.set(id, { deadlineMs: nowMs + ttlMs, expired: false });
    } else if (kind === "renewed") {
      table.renew(lease(id), nowMs);
      if (known) known.deadlineMs = nowMs + ttlMs;
    } else if (kind === "postponed") {
      table.postpone(3);
      for (const each of model.values()) each.deadlineMs += 3;
    } else if (kind !== "nothing") {
      table.follow({ kind, lease: lease(id) }, nowMs);
      if (kind === "leaseEnded") model.delete(id);
      else if (known) known.expired = kind === "leaseExpired";
    }
    const due = [...model].filter(([, { deadlineMs, expired }]) =>
      deadlineMs + (expired ? ttlMs : 0) <= nowMs
    ).map(([id]) => id);
    const { expire, remove } = table.due(nowMs, 10);
    assertEquals([...expire, ...remove].map(({ id }) => id).sort(), due.sort());
  }
});
