import { assertEquals } from "@std/assert";
import { crc32c } from "../../lib/crc32c.ts";
import { seededRandom } from "../../lib/random.ts";

const bytes = (length: number, of: (at: number) => number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => of(at));

/** The definition, a bit at a time. */
function bitwise(data: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? crc >>> 1 ^ 0x82f6_3b78 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}

Deno.test("crc32c() has the values of RFC 3720, appendix B.4", () => {
  assertEquals(crc32c(bytes(32, () => 0)), 0x8a91_36aa);
  assertEquals(crc32c(bytes(32, () => 0xff)), 0x62a8_ab43);
  assertEquals(crc32c(bytes(32, (at) => at)), 0x46dd_794e);
  assertEquals(crc32c(bytes(32, (at) => 31 - at)), 0x113f_db5c);
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe306_9283);
  assertEquals(crc32c(new Uint8Array(0)), 0);
});

Deno.test("crc32c() equals the bitwise definition for every length and place", () => {
  const random = seededRandom(1);
  const data = bytes(400, () => Math.floor(random() * 256));
  for (let length = 0; length < 100; length++) {
    const part = data.subarray(length, 2 * length);
    assertEquals(crc32c(part), bitwise(part));
  }
});

Deno.test("crc32c() goes on from the checksum of what came before", () => {
  const data = bytes(100, (at) => at * 7);
  for (let cut = 0; cut <= data.length; cut++) {
    const head = crc32c(data.subarray(0, cut));
    assertEquals(crc32c(data.subarray(cut), head), crc32c(data));
  }
});
