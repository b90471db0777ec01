import { assertEquals } from "@std/assert";
import { exposition, numbers } from "../../../lib/metrics/exposition.ts";
import { type Metric, single } from "../../../lib/metrics/sample.ts";

const settled: Metric = {
  name: "settled_total",
  kind: "counter",
  help: 'Records\nsettled, by "pipeline".',
  samples: [{ labels: { pipeline: 'a"b\\c\nd' }, value: 3 }],
};

Deno.test("exposition() writes what Prometheus reads, escaped", () => {
  assertEquals(
    exposition([() => [settled], () => [single("up", "gauge", "Up.", 1)]]),
    [
      '# HELP settled_total Records\\nsettled, by "pipeline".',
      "# TYPE settled_total counter",
      'settled_total{pipeline="a\\"b\\\\c\\nd"} 3',
      "# HELP up Up.",
      "# TYPE up gauge",
      "up 1",
      "",
    ].join("\n"),
  );
  assertEquals(exposition([]), "");
});

Deno.test("exposition() puts metrics of one name together, wherever they come from", () => {
  const other = {
    ...settled,
    samples: [{ labels: { pipeline: "b" }, value: Infinity }],
  };
  const lines = exposition([() => [settled], () => [other]]).split("\n");
  assertEquals(lines.filter((line) => line.startsWith("# TYPE")).length, 1);
  assertEquals(lines[3], 'settled_total{pipeline="b"} +Inf');
});

Deno.test("numbers() gives each number by its name and labels", () => {
  assertEquals(
    numbers([() => [single("up", "gauge", "Up.", 1), {
      ...settled,
      samples: [{ labels: { pipeline: "x" }, value: 2 }],
    }]]),
    new Map([["up", 1], ['settled_total{pipeline="x"}', 2]]),
  );
});
