import { assertEquals } from "@std/assert";
import { decodeUtf8 } from "../../proto/utf8.ts";

const encoder = new TextEncoder();

Deno.test("decodeUtf8() reads texts of every length and script", () => {
  for (
    const text of [
      "",
      "a",
      "x".repeat(16),
      "x".repeat(17),
      "é",
      "ключ",
      "😀".repeat(9),
    ]
  ) {
    const bytes = encoder.encode(`<${text}>`);
    assertEquals(decodeUtf8(bytes, 1, bytes.length - 1), text);
  }
});

Deno.test("decodeUtf8() keeps a byte order mark", () => {
  assertEquals(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf), 0, 3), "\ufeff");
});

Deno.test("decodeUtf8() gives undefined when the bytes are not UTF-8", () => {
  const cases = [[0x80], [0xc3], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xff]];
  for (const bytes of cases) {
    const padded = [...bytes, ...Array(20).fill(0x61)];
    assertEquals(
      decodeUtf8(Uint8Array.from(bytes), 0, bytes.length),
      undefined,
    );
    assertEquals(
      decodeUtf8(Uint8Array.from(padded), 0, padded.length),
      undefined,
    );
  }
});
