/** The metrics of the flow of records, in the names that a scraper sees. */
import type { Flow } from "./flow.ts";
import type { FlowCounters } from "./counters.ts";
import type { StageReport } from "./flow_report.ts";
import { type Metric, single } from "../metrics/sample.ts";

const totals: readonly (readonly [
  name: string,
  help: string,
  counter: keyof FlowCounters,
])[] = [
  ["accepted", "Records acked as accepted.", "accepted"],
  ["duplicate", "Records acked as duplicates.", "duplicates"],
  ["rejected", "Records rejected.", "rejected"],
  ["joined", "Records that came again while they were under way.", "joined"],
  ["filtered", "Records that a stage filtered.", "filtered"],
  ["unrouted", "Records that no edge or rule took on.", "unrouted"],
  ["dropped", "Records dropped, as their stage says.", "dropped"],
  ["dead_lettered", "Records put among the dead letters.", "deadLettered"],
  ["abandoned", "Records whose pipeline was removed.", "abandoned"],
];

const stageMetrics: readonly (readonly [
  name: string,
  kind: Metric["kind"],
  help: string,
  value: (stage: StageReport) => number,
])[] = [
  [
    "records_total",
    "counter",
    "Records that a stage is done with.",
    ({ processed }) => processed,
  ],
  [
    "errors_total",
    "counter",
    "Attempts that failed.",
    ({ errors }) => errors,
  ],
  [
    "dead_letters_total",
    "counter",
    "Records of a stage put among the dead letters.",
    ({ deadLettered }) => deadLettered,
  ],
  [
    "dropped_total",
    "counter",
    "Records that a stage dropped.",
    ({ dropped }) => dropped,
  ],
  [
    "waiting_records",
    "gauge",
    "Records that wait at a stage or are under way.",
    ({ buffered }) => buffered,
  ],
];

/** All of them, as they are now. */
export function* flowMetrics(flow: Flow): Generator<Metric, void, void> {
  const { records, bytes, partitions } = flow.underWay;
  yield gauge("records_under_way", "Records that are not settled.", records);
  yield gauge("bytes_under_way", "Bytes that they take.", bytes);
  yield gauge(
    "partitions",
    "Partitions of sources that are known.",
    partitions,
  );
  for (const [name, help, counter] of totals) {
    yield single(
      `conveyor_records_${name}_total`,
      "counter",
      help,
      flow.counters[counter],
    );
  }
  const stages = flow.pipelineIds.flatMap((pipeline) =>
    Array.from(
      flow.report(pipeline)?.stages ?? [],
      ([stage, report]) => ({ labels: { pipeline, stage }, report }),
    )
  );
  for (const [name, kind, help, value] of stageMetrics) {
    yield {
      name: `conveyor_stage_${name}`,
      kind,
      help,
      samples: stages.map(({ labels, report }) => ({
        labels,
        value: value(report),
      })),
    };
  }
}

function gauge(name: string, help: string, value: number): Metric {
  return single(`conveyor_${name}`, "gauge", help, value);
}
