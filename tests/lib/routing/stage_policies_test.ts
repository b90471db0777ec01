import { assertEquals } from "@std/assert";
import { Faults } from "../../../lib/routing/faults.ts";
import { SettingReader } from "../../../lib/routing/setting_reader.ts";
import {
  lookupSettings,
  queueSettings,
  retrySettings,
} from "../../../lib/routing/stage_policies.ts";
import type { Duration } from "../../../proto/messages/google.ts";
import type {
  LookupConfig,
  LookupMissPolicy,
} from "../../../proto/messages/router.ts";
import { stage } from "../../fixtures/pipelines.ts";

function reading<T>(
  read: (reader: SettingReader, faults: Faults) => T,
): [T, ...string[]] {
  const faults = new Faults();
  const value = read(new SettingReader(faults), faults);
  return [
    value,
    ...faults.list().map(({ field, description }) =>
      `${field}: ${description}`
    ),
  ];
}

function seconds(count: number): Duration {
  return { seconds: BigInt(count), nanos: 0 };
}

Deno.test("queueSettings() gives the batch and a queue that can fill it", () => {
  const of = (
    queueRecords: number,
    maxRecords: number,
    maxBytes = 0,
    linger?: Duration,
  ): unknown =>
    reading((read, faults) =>
      queueSettings(
        stage("s", "sink", {
          queueRecords,
          batch: { maxRecords, maxBytes, linger },
        }),
        "s",
        read,
        faults,
      )
    );
  assertEquals(of(0, 0, 0, seconds(0)), [{
    queueRecords: 10_000,
    batch: {
      recordsDue: 500,
      recordsMax: 2_000,
      bytesMax: 1_048_576,
      lingerMs: 0,
    },
  }]);
  assertEquals(of(0, 50_000, 2_000, seconds(1)), [{
    queueRecords: 50_000,
    batch: {
      recordsDue: 50_000,
      recordsMax: 50_000,
      bytesMax: 2_000,
      lingerMs: 1_000,
    },
  }]);
  assertEquals((of(499, 0) as unknown[]).slice(1), [
    "s.queue_records: must be at least the 500 records of a batch, found 499",
  ]);
  assertEquals((of(0, 100_001, 2 ** 26, seconds(61)) as unknown[]).slice(1), [
    "s.batch.max_records: must be an integer from 1 to 100000, or 0 for the default of 500, found 100001",
    "s.batch.max_bytes: must be an integer from 1 to 33554432, or 0 for the default of 1048576, found 67108864",
    "s.batch.linger: must be from 0 to 60000 ms, found 61000",
  ]);
});

Deno.test("retrySettings() keeps the longest pause above the first", () => {
  const of = (initial?: Duration, max?: Duration): unknown[] => {
    const [settings, ...faults] = reading((read, all) =>
      retrySettings(
        {
          maxAttempts: 0,
          initialBackoff: initial,
          maxBackoff: max,
          multiplier: 0,
        },
        "retry",
        read,
        all,
      )
    );
    return [settings.initialBackoffMs, settings.maxBackoffMs, ...faults];
  };
  assertEquals(of(), [100, 5_000]);
  assertEquals(of(seconds(20)), [20_000, 20_000]);
  assertEquals(of(seconds(2), seconds(30)), [2_000, 30_000]);
  assertEquals(of(seconds(2), seconds(1)).slice(2), [
    "retry.max_backoff: must be at least the initial_backoff of 2000 ms, found 1000",
  ]);
  assertEquals(of(seconds(0)).slice(2), [
    "retry.initial_backoff: must be from 1 to 2147483000 ms, found 0",
  ]);
});

Deno.test("retrySettings() refuses attempts, growth and time-outs out of range", () => {
  const [, ...faults] = reading((read, all) =>
    retrySettings(
      { maxAttempts: 1_001, multiplier: 0.5, attemptTimeout: seconds(3_601) },
      "retry",
      read,
      all,
    )
  );
  assertEquals(faults, [
    "retry.max_attempts: must be an integer from 1 to 1000, or 0 for the default of 4, found 1001",
    "retry.multiplier: must be from 1 to 100, or 0 for the default of 2, found 0.5",
    "retry.attempt_timeout: must be from 1 to 3600000 ms, found 3601000",
  ]);
});

Deno.test("lookupSettings() caches only with a time and a number of entries", () => {
  const of = (parts: Partial<LookupConfig>): [unknown, ...string[]] =>
    reading((read, faults) =>
      lookupSettings(
        {
          keyFields: ["iata"],
          outputPrefix: "airport_",
          onMiss: 1,
          cacheEntries: 0,
          ...parts,
        },
        "lookup",
        read,
        faults,
      )
    );
  const plain = {
    keyFields: ["iata"],
    outputPrefix: "airport_",
    onMiss: "drop",
    cache: undefined,
  };
  assertEquals(of({}), [plain]);
  assertEquals(of({ cacheEntries: 9 }), [plain]);
  assertEquals(of({ cacheTtl: seconds(9) }), [plain]);
  assertEquals(of({ cacheEntries: 9, cacheTtl: seconds(9) }), [
    { ...plain, cache: { entriesMax: 9, ttlMs: 9_000 } },
  ]);
  assertEquals(
    of({
      keyFields: ["a", "", "a"],
      onMiss: 3 as LookupMissPolicy,
      cacheEntries: 1_000_001,
      cacheTtl: seconds(-1),
    }).slice(1),
    [
      'lookup.key_fields[1]: must not be empty, found ""',
      'lookup.key_fields[2]: must be named once, found "a"',
      "lookup.cache_entries: must be at most 1000000, found 1000001",
      "lookup.cache_ttl: must be from 0 to 2147483000 ms, found -1000",
      "lookup.on_miss: must be a value of its enum, 0 to 2, found 3",
    ],
  );
  assertEquals(
    of({ keyFields: [], cacheEntries: 1, cacheTtl: seconds(1) }).slice(1),
    [
      "lookup.key_fields: must name the fields by which cached answers are found, found none",
    ],
  );
});

Deno.test("lookupSettings() looks up by nothing and passes misses on where nothing is said", () => {
  const [settings] = reading((read, faults) =>
    lookupSettings(undefined, "lookup", read, faults)
  );
  assertEquals(settings, {
    keyFields: [],
    outputPrefix: "",
    onMiss: "pass_through",
    cache: undefined,
  });
});
