import { assertEquals } from "@std/assert";
import { RecordReader } from "../../../lib/routing/record_reader.ts";
import { viewOf } from "../../fixtures/pipelines.ts";

Deno.test("RecordReader reads the record that it stands at, and no other", () => {
  const reader = new RecordReader(["region", "level"]);
  reader.open(viewOf([
    { recordType: "a", metadata: { region: "eu", level: "1" } },
    { recordType: "b", metadata: { level: "2" } },
    { recordType: "c", metadata: { region: "us" } },
  ]));
  const seen = [0, 1, 2, 0].map((i) => {
    reader.seek(i);
    return [
      reader.recordType,
      reader.metadataValue(0),
      reader.metadataValue(1),
      reader.metadataValue(0),
    ];
  });
  assertEquals(seen, [
    ["a", "eu", "1", "eu"],
    ["b", undefined, "2", undefined],
    ["c", "us", undefined, "us"],
    ["a", "eu", "1", "eu"],
  ]);
});

Deno.test("RecordReader.open() turns to another batch and forgets failures", () => {
  const reader = new RecordReader(["region"]);
  reader.open(viewOf([{ metadata: { region: "eu" } }]));
  reader.seek(0);
  assertEquals(reader.metadataValue(0), "eu");
  reader.failures = 3;
  reader.close();
  reader.open(viewOf([{ metadata: { region: "us" } }]));
  reader.seek(0);
  assertEquals([reader.metadataValue(0), reader.failures], ["us", 0]);
});
