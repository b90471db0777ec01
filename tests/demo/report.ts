/**
 * What the pipeline should have done, computed from the file without it, beside what its sinks saw.
 */
import { type Airport, parseFlight } from "./dataset.ts";

/** Counts over all flights. */
export interface Report {
  archived: number;
  late: number;
  deadLettered: number;
  /** Flights by the state they start in. */
  byState: Map<string, number>;
}

/** Minutes from which on a flight is late. */
export const lateMinutes = 15;

/** What should come out for `rows`. */
export function expectedReport(
  rows: readonly string[],
  airports: ReadonlyMap<string, Airport>,
): Report {
  const report = emptyReport();
  for (const row of rows) {
    try {
      const { origin, delay } = parseFlight(row);
      report.archived++;
      if (delay >= lateMinutes) report.late++;
      count(report.byState, airports.get(origin)?.state ?? "unknown");
    } catch {
      report.deadLettered++;
    }
  }
  return report;
}

/** Nothing seen yet. */
export function emptyReport(): Report {
  return { archived: 0, late: 0, deadLettered: 0, byState: new Map() };
}

/** Counts one more of `key`. */
export function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** A line of the table: what was counted, by the pipeline and directly. */
export interface Line {
  readonly what: string;
  readonly pipeline: number;
  readonly direct: number;
}

/** Both reports side by side: the sums, then the busiest states. */
export function compare(pipeline: Report, direct: Report): readonly Line[] {
  const states = [...direct.byState].sort((a, b) => b[1] - a[1]);
  const rest = [...pipeline.byState.keys()]
    .filter((state) => !direct.byState.has(state));
  return [
    {
      what: "flights archived",
      pipeline: pipeline.archived,
      direct: direct.archived,
    },
    { what: "late flights", pipeline: pipeline.late, direct: direct.late },
    {
      what: "dead letters",
      pipeline: pipeline.deadLettered,
      direct: direct.deadLettered,
    },
    ...[...states.map(([state]) => state), ...rest].map((state) => ({
      what: `from ${state}`,
      pipeline: pipeline.byState.get(state) ?? 0,
      direct: direct.byState.get(state) ?? 0,
    })),
  ];
}
