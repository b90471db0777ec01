import { assert, assertEquals } from "@std/assert";
import {
  compareUint64,
  putUint64,
  putWhole,
  uint64Of,
  wholeOf,
} from "../../../lib/state/words.ts";

const values = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n]
  .concat(2n ** 64n - 1n);

Deno.test("putUint64() and uint64Of() are exact over all of uint64", () => {
  const words = new Uint32Array(4);
  for (const value of values) {
    putUint64(words, 2, value);
    assertEquals(uint64Of(words[2]!, words[3]!), value);
  }
});

Deno.test("compareUint64() orders like the values", () => {
  const a = new Uint32Array(2);
  const b = new Uint32Array(2);
  values.forEach((one, i) =>
    values.forEach((other, j) => {
      putUint64(a, 0, one);
      putUint64(b, 0, other);
      assertEquals(Math.sign(compareUint64(a, b, 0)), Math.sign(i - j));
    })
  );
});

Deno.test("putWhole() and wholeOf() are exact up to 2^53", () => {
  const words = new Uint32Array(2);
  for (const value of [0, 1_700_000_000_123, Number.MAX_SAFE_INTEGER]) {
    putWhole(words, 0, value);
    assert(Object.is(wholeOf(words[0]!, words[1]!), value));
  }
});
