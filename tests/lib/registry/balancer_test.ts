import { assert, assertEquals } from "@std/assert";
import { Balancer, type Instance } from "../../../lib/registry/balancer.ts";
import { seededRandom } from "../../../lib/random.ts";
import { hashText } from "../../../lib/registry/rendezvous.ts";
import { LoadBalanceStrategy } from "../../../proto/messages/router.ts";

const {
  Unspecified,
  RoundRobin,
  LeastConnections,
  WeightedRandom,
  ConsistentHash,
} = LoadBalanceStrategy;
const every = [
  Unspecified,
  RoundRobin,
  LeastConnections,
  WeightedRandom,
  ConsistentHash,
];

function instance(id: string, more: Partial<Instance> = {}): Instance {
  return { id, weight: 1, maxConcurrentRequests: 0, takesNew: true, ...more };
}

function balancer(
  strategy: LoadBalanceStrategy,
  ...instances: readonly Instance[]
): Balancer {
  const made = new Balancer(strategy);
  made.set(instances);
  return made;
}

function pickId(from: Balancer, random = 0, hash = 0): string {
  const pick = from.pick(random, hash);
  return pick.kind === "picked" ? pick.instance.id : pick.kind;
}

Deno.test("Balancer round robin takes one after the other", () => {
  for (const strategy of [Unspecified, RoundRobin]) {
    const from = balancer(strategy, instance("b"), instance("a"));
    const picks = Array.from({ length: 4 }, () => pickId(from));
    assertEquals(picks, ["a", "b", "a", "b"]);
  }
});

Deno.test("Balancer least connections goes by calls under way, ties in turn", () => {
  const from = balancer(LeastConnections, instance("a"), instance("b"));
  const picks = Array.from({ length: 4 }, () => {
    const id = pickId(from);
    from.start(id);
    return id;
  });
  assertEquals(picks, ["a", "b", "a", "b"]);
  from.end("b");
  assertEquals(pickId(from), "b");
  assertEquals(from.outstanding("a"), 2);
});

Deno.test("Balancer weighted random is in proportion to weight", () => {
  const from = balancer(
    WeightedRandom,
    instance("a", { weight: 3 }),
    instance("b", { weight: 0 }),
  );
  const random = seededRandom(7);
  let a = 0;
  for (let i = 0; i < 10_000; i++) if (pickId(from, random()) === "a") a++;
  assert(a > 7_300 && a < 7_700, `${a} of 10000`);
  assertEquals(pickId(from, 1 - Number.EPSILON), "b");
});

Deno.test("Balancer consistent hash keeps the keys of those that stay", () => {
  const three = [instance("a"), instance("b"), instance("c")];
  const from = balancer(ConsistentHash, ...three);
  const keys = Array.from({ length: 1_000 }, (_, i) => hashText(`key ${i}`));
  const before = keys.map((key) => pickId(from, 0, key));
  assertEquals(new Set(before).size, 3);
  from.set([instance("a"), instance("b", { takesNew: false }), three[2]!]);
  keys.forEach((key, i) => {
    if (before[i] !== "b") assertEquals(pickId(from, 0, key), before[i]);
    else assert(pickId(from, 0, key) !== "b");
  });
});

Deno.test("Balancer gives unhealthy and draining instances nothing new", () => {
  for (const strategy of every) {
    const from = balancer(
      strategy,
      instance("a", { takesNew: false }),
      instance("b"),
    );
    for (let i = 0; i < 20; i++) assertEquals(pickId(from, i / 20, i), "b");
    from.set([instance("b", { takesNew: false })]);
    assertEquals(pickId(from), "none");
  }
});

Deno.test("Balancer passes over instances that have as much as they take", () => {
  for (const strategy of every) {
    const from = balancer(
      strategy,
      instance("a", { maxConcurrentRequests: 1 }),
    );
    from.start("a");
    assertEquals(pickId(from), "busy");
    from.set([instance("a", { maxConcurrentRequests: 1 }), instance("b")]);
    if (strategy !== ConsistentHash) {
      for (let i = 0; i < 20; i++) assertEquals(pickId(from, i / 20), "b");
    }
    from.end("a");
    from.set([instance("a", { maxConcurrentRequests: 1 })]);
    assertEquals(pickId(from), "a");
  }
});

Deno.test("Balancer keeps count of calls over changes of the instances", () => {
  const from = balancer(LeastConnections, instance("a"), instance("b"));
  from.start("a");
  from.set([instance("b")]);
  from.set([instance("a"), instance("b")]);
  assertEquals(from.outstanding("a"), 1);
  from.set([]);
  from.end("a");
  from.end("a");
  from.end("unknown");
  from.start("unknown");
  assertEquals(from.outstanding("a"), 0);
  from.set([instance("b")]);
  assertEquals(from.outstanding("a"), 0);
});

Deno.test("Balancer passes over an instance that is to be left out", () => {
  const leaveOut = (id: string): boolean => id === "a";
  for (const strategy of [RoundRobin, LeastConnections, WeightedRandom]) {
    const from = balancer(strategy, instance("a"), instance("b"));
    for (let i = 0; i < 10; i++) {
      const pick = from.pick(i / 10, 0, leaveOut);
      assertEquals(pick.kind === "picked" && pick.instance.id, "b");
    }
    assertEquals(from.pick(0, 0, () => true).kind, "busy");
  }
  // Another instance would break the order of the key.
  const from = balancer(ConsistentHash, instance("a"), instance("b"));
  const kinds = Array.from(
    { length: 50 },
    (_, hash) => from.pick(0, Math.imul(hash, 0x9e3779b1) >>> 0, leaveOut).kind,
  );
  assertEquals(new Set(kinds), new Set(["picked", "busy"]));
});
