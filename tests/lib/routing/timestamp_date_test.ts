import { assertEquals } from "@std/assert";
import { timestampDate } from "../../../lib/routing/timestamp_date.ts";
import { timestampMessage } from "../../fixtures/record_messages.ts";

function ms(seconds: bigint, nanos: number): number | undefined {
  return timestampDate(timestampMessage.encode({ seconds, nanos }))?.getTime();
}

Deno.test("timestampDate() cuts to milliseconds, towards the past", () => {
  assertEquals(ms(0n, 0), 0);
  assertEquals(ms(1_760_000_000n, 123_999_999), 1_760_000_000_123);
  assertEquals(ms(-1n, 999_999_999), -1);
  assertEquals(ms(-62_135_596_800n, 0), -62_135_596_800_000);
  assertEquals(ms(253_402_300_799n, 999_999_999), 253_402_300_799_999);
});

Deno.test("timestampDate() is undefined outside the range of a Timestamp", () => {
  assertEquals(ms(-62_135_596_801n, 0), undefined);
  assertEquals(ms(253_402_300_800n, 0), undefined);
  assertEquals(ms(2n ** 62n, 0), undefined);
  assertEquals(ms(0n, -1), undefined);
  assertEquals(ms(0n, 1_000_000_000), undefined);
});

Deno.test("timestampDate() passes over fields that it does not know", () => {
  const bytes = Uint8Array.of(0x08, 2, 0x1a, 1, 9, 0x08, 3);
  assertEquals(timestampDate(bytes)?.getTime(), 3_000);
});
