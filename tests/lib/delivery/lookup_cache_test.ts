import { assertEquals } from "@std/assert";
import {
  LookupCache,
  lookupCacheKey,
} from "../../../lib/delivery/lookup_cache.ts";
import {
  lookupCacheAnswerBytesMax,
  lookupCacheBytesMax,
} from "../../../lib/limits.ts";
import { viewOf } from "../../fixtures/loads.ts";

const answer = Uint8Array.of(1, 2);

Deno.test("LookupCache keeps answers and misses until their time is over", () => {
  const cache = new LookupCache(10, 100);
  cache.set("a", answer, 0);
  cache.set("b", "miss", 50);
  assertEquals(cache.get("a", 99), answer);
  assertEquals(cache.get("a", 100), undefined);
  assertEquals(cache.get("b", 149), "miss");
  assertEquals(cache.get("c", 0), undefined);
  assertEquals(cache.size, 1);
});

Deno.test("LookupCache lets the one go that was not used for longest", () => {
  const cache = new LookupCache(2, 1_000);
  cache.set("a", answer, 0);
  cache.set("b", answer, 0);
  cache.get("a", 1);
  cache.set("c", answer, 2);
  assertEquals(
    ["a", "b", "c"].map((key) => cache.get(key, 3) !== undefined),
    [true, false, true],
  );
});

Deno.test("LookupCache is bounded in bytes, and keeps no answer that is very large", () => {
  const cache = new LookupCache(1_000_000, 1_000);
  cache.set("huge", new Uint8Array(lookupCacheAnswerBytesMax + 1), 0);
  assertEquals(cache.size, 0);
  const large = new Uint8Array(lookupCacheAnswerBytesMax);
  const fit = Math.floor(lookupCacheBytesMax / large.length);
  for (let n = 0; n < fit + 10; n++) cache.set(`key ${n}`, large, 0);
  assertEquals(cache.size <= fit, true);
  assertEquals(cache.get("key 0", 1), undefined);
  assertEquals(cache.get(`key ${fit + 9}`, 1), large);
});

Deno.test("lookupCacheKey() is of the key fields, and undefined when one is not there", () => {
  const view = viewOf([
    {
      recordType: "order",
      key: Uint8Array.of(255, 1),
      metadata: { a: "x", b: "y" },
    },
    { recordType: "order", key: Uint8Array.of(255, 2), metadata: { a: "x,y" } },
  ]);
  assertEquals(lookupCacheKey(view, 0, ["a", "b"]), '["x","y"]');
  assertEquals(lookupCacheKey(view, 1, ["a", "b"]), undefined);
  assertEquals(lookupCacheKey(view, 0, ["record_type"]), '["order"]');
  assertEquals(
    lookupCacheKey(view, 0, ["key"]) === lookupCacheKey(view, 1, ["key"]),
    false,
  );
});
