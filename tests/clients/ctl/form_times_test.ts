import { assertEquals } from "@std/assert";
import {
  readDuration,
  readTimestamp,
  writeDuration,
  writeTimestamp,
} from "../../../clients/ctl/form_times.ts";

for (
  const [text, seconds, nanos, written = text] of [
    ["0s", 0n, 0],
    ["5s", 5n, 0],
    ["200ms", 0n, 200_000_000],
    ["-200ms", 0n, -200_000_000],
    ["1500ms", 1n, 500_000_000, "1.5s"],
    ["-1.5s", -1n, -500_000_000],
    ["0.000000001s", 0n, 1],
    ["20us", 0n, 20_000, "0.00002s"],
    ["1.5m", 90n, 0, "90s"],
    ["7d", 604_800n, 0, "604800s"],
    ["315576000000s", 315_576_000_000n, 0],
  ] as const
) {
  Deno.test(`readDuration reads ${text}, and writeDuration writes ${written}`, () => {
    const duration = { seconds, nanos };
    assertEquals(readDuration(text), duration);
    assertEquals(writeDuration(duration), written);
    assertEquals(readDuration(written), duration);
  });
}

for (
  const text of [
    "",
    "5",
    "5 s",
    "s",
    "1h30m",
    ".5s",
    "0.5ns",
    "315576000001s",
    "9e9s",
  ]
) {
  Deno.test(`readDuration refuses "${text}"`, () => {
    assertEquals(readDuration(text), undefined);
  });
}

for (
  const [text, seconds, nanos, written = text] of [
    ["1970-01-01T00:00:00Z", 0n, 0],
    ["2026-11-30T13:45:49.25Z", 1_796_046_349n, 250_000_000],
    ["1969-12-31T23:59:59.5Z", -1n, 500_000_000],
    ["9999-12-31T23:59:59Z", 253_402_300_799n, 0],
    ["2026-11-30T14:45:49+01:00", 1_796_046_349n, 0, "2026-11-30T13:45:49Z"],
  ] as const
) {
  Deno.test(`readTimestamp reads ${text}, and writeTimestamp writes ${written}`, () => {
    assertEquals(readTimestamp(text), { seconds, nanos });
    assertEquals(writeTimestamp({ seconds, nanos }), written);
  });
}

for (
  const [seconds, says] of [
    [253_402_300_800n, "@253402300800.5"],
    [2n ** 63n - 1n, "@9223372036854775807.5"],
    [-(2n ** 63n), "@-9223372036854775808.5"],
  ] as const
) {
  Deno.test(`writeTimestamp writes ${says} where RFC 3339 has no such year`, () => {
    assertEquals(writeTimestamp({ seconds, nanos: 500_000_000 }), says);
  });
}

for (
  const text of [
    "",
    "2026-11-30",
    "2026-11-30T13:45:49",
    "2026-13-30T00:00:00Z",
    "2026-02-31T00:00:00Z",
    "2026-02-28T24:00:00+01:00",
    "2026-02-28T23:59:60Z",
  ]
) {
  Deno.test(`readTimestamp refuses "${text}"`, () => {
    assertEquals(readTimestamp(text), undefined);
  });
}
