import { assertEquals } from "@std/assert";
import { ConditionCompiler } from "../../../lib/routing/condition.ts";
import { Faults } from "../../../lib/routing/faults.ts";
import { RecordReader } from "../../../lib/routing/record_reader.ts";
import { viewOf } from "../../fixtures/pipelines.ts";

const records = [
  { metadata: { region: "eu", tier: "1", "": "nameless" } },
  { metadata: { region: "", size: "9" } },
  { metadata: {} },
  { recordType: "tier", metadata: { tier: "2" } },
];

/** For which records it holds ("!": it fails), and how often all metadata of one was decoded. */
function outcome(source: string): string {
  const faults = new Faults();
  const compiler = new ConditionCompiler(faults);
  const { holds } = compiler.compile({ expression: source }, "condition");
  assertEquals(faults.list(), [], source);
  const reader = new RecordReader(compiler.metadataKeys);
  const view = viewOf(records);
  const all = view.metadata.bind(view);
  let whole = 0;
  view.metadata = (i) => {
    whole++;
    return all(i);
  };
  reader.open(view);
  const held = records.map((_, i) => {
    reader.seek(i);
    const { failures } = reader;
    return holds(reader) ? "+" : reader.failures > failures ? "!" : "-";
  });
  return `${held.join("")} ${whole}`;
}

Deno.test("ExpressionMetadata decodes no more than the entries that are asked for by name", () => {
  assertEquals(outcome("record.metadata['region'] == 'eu'"), "+-!! 0");
  assertEquals(outcome("record.metadata.region == 'eu'"), "+-!! 0");
  assertEquals(outcome("'tier' in record.metadata"), "+--+ 0");
  assertEquals(outcome("has(record.metadata.size)"), "-+-- 0");
  assertEquals(outcome("!has(record.metadata.region)"), "--++ 0");
  assertEquals(outcome("'' in record.metadata"), "+--- 0");
  assertEquals(
    outcome("'x' in record.metadata && record.metadata.x == '1'"),
    "---- 0",
  );
  assertEquals(
    outcome("['1', '2'].exists(x, record.metadata['tier'] == x)"),
    "+!!+ 0",
  );
});

Deno.test("ExpressionMetadata decodes all entries once for what takes them together", () => {
  assertEquals(outcome("record.metadata.size() == 2"), "-+-- 4");
  assertEquals(outcome("size(record.metadata) > 0"), "++-+ 4");
  assertEquals(outcome("record.metadata.exists(k, k == 'tier')"), "+--+ 4");
  assertEquals(
    outcome("record.metadata.exists(k, record.metadata[k] == '9')"),
    "-+-- 4",
  );
  assertEquals(outcome("record.metadata == {'tier': '2'}"), "---+ 4");
  assertEquals(outcome("{'tier': '2'} == record.metadata"), "---+ 4");
  assertEquals(outcome("record.metadata == record.metadata"), "++++ 0");
  assertEquals(outcome("record.metadata[record.type] == '2'"), "-!!+ 4");
  assertEquals(outcome("dyn(record.metadata).tier == '2'"), "-!!+ 4");
  assertEquals(outcome("type(record.metadata) == map"), "++++ 0");
});

Deno.test("ExpressionMetadata is a map to whoever walks it", () => {
  const reader = new RecordReader(["tier"]);
  reader.open(viewOf(records));
  reader.seek(1);
  const { metadata } = reader.expressionRecord;
  const entries = [["region", ""], ["size", "9"]];
  assertEquals([...metadata], entries);
  assertEquals([...metadata.entries()], entries);
  assertEquals([...metadata.keys()], ["region", "size"]);
  assertEquals([...metadata.values()], ["", "9"]);
  const walked: string[][] = [];
  metadata.forEach((value, key) => walked.push([key, value]));
  assertEquals(walked, entries);
  assertEquals([metadata.has("tier"), metadata.has("size")], [false, true]);
});
