import { assertEquals } from "@std/assert";
import { Credits, grantNow } from "../../../lib/delivery/credits.ts";
import { grantsKeptMax } from "../../../lib/limits.ts";

Deno.test("Credits are spent, the oldest grant first, and lapse", () => {
  const credits = new Credits();
  credits.grant(10, 100);
  credits.grant(5, 200);
  assertEquals(credits.spend(8, 0), 8);
  assertEquals(credits.available(50), 7);
  assertEquals(credits.available(100), 5);
  assertEquals(credits.spend(9, 150), 5);
  assertEquals(credits.spend(1, 150), 0);
  credits.grant(0, 300);
  assertEquals(credits.available(250), 0);
});

Deno.test("Credits keep every grant's worth, however many there are", () => {
  const credits = new Credits();
  for (let n = 0; n < 3 * grantsKeptMax; n++) credits.grant(1, 100 + n);
  assertEquals(credits.available(0), 3 * grantsKeptMax);
  // Those counted with the last one last as long as the last.
  assertEquals(credits.available(100 + 3 * grantsKeptMax - 2) > 0, true);
  assertEquals(credits.available(100 + 3 * grantsKeptMax - 1), 0);
});

Deno.test("grantNow() fills the window, within the room, and not by drops", () => {
  const inputs = { window: 100, underWay: 0, available: 0, room: 1_000 };
  assertEquals(grantNow(inputs), 100);
  assertEquals(grantNow({ ...inputs, room: 40 }), 40);
  assertEquals(grantNow({ ...inputs, underWay: 60, available: 30 }), 0);
  assertEquals(grantNow({ ...inputs, underWay: 20, available: 50 }), 30);
  assertEquals(grantNow({ ...inputs, underWay: 99 }), 1);
  assertEquals(grantNow({ ...inputs, underWay: 120 }), 0);
  assertEquals(grantNow({ ...inputs, room: 0, available: 10 }), 0);
});
