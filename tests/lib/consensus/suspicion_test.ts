import { assert, assertEquals } from "@std/assert";
import { Suspicion } from "../../../lib/consensus/suspicion.ts";

const follower = { lead: 2, role: "follower" } as const;
const leaderless = { lead: 0, role: "follower" } as const;

Deno.test("Suspicion forgets a lost leader, then runs within a fifth of the election timeout", () => {
  for (const random of [0, 0.5, 0.999]) {
    const suspicion = new Suspicion(50, () => random);
    suspicion.raise();
    assertEquals(suspicion.tick(follower), "forget");
    let ticks = 1;
    while (suspicion.tick(leaderless) === "nothing") {
      assert(++ticks <= 12, "it never runs");
    }
    assert(ticks >= 2);
    assertEquals(suspicion.tick(leaderless), "nothing");
  }
});

Deno.test("Suspicion ends when a leader is heard", () => {
  const suspicion = new Suspicion(50, () => 0);
  suspicion.raise();
  assertEquals(suspicion.tick(follower), "forget");
  assertEquals(suspicion.tick(follower), "nothing");
  for (let tick = 0; tick < 100; tick++) {
    assertEquals(suspicion.tick(leaderless), "nothing");
  }
});

Deno.test("Suspicion is none of a candidate or a leader", () => {
  for (const role of ["leader", "candidate", "preCandidate"] as const) {
    const suspicion = new Suspicion(50, () => 0);
    suspicion.raise();
    assertEquals(suspicion.tick({ lead: 0, role }), "nothing");
    assertEquals(suspicion.tick(follower), "nothing");
  }
});
