/**
 * What a part of the router tells of itself when it is asked: it counts in plain numbers, and makes
 * samples of them only then. A part that nobody asks costs nothing.
 */

/** How a number behaves: one that only rises, or one that goes up and down. */
export type MetricKind = "counter" | "gauge";

/** A metric: what is counted, under which name and labels. */
export interface Metric {
  /** As Prometheus wants it: `conveyor_records_settled_total`. */
  readonly name: string;
  readonly kind: MetricKind;
  /** A sentence for people. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** One number of a metric. */
export interface Sample {
  readonly labels: { readonly [name: string]: string };
  readonly value: number;
}

/** Tells all metrics of a part. */
export type MetricSource = () => Iterable<Metric>;

/** A metric with one number. */
export function single(
  name: string,
  kind: MetricKind,
  help: string,
  value: number,
): Metric {
  return { name, kind, help, samples: [{ labels: {}, value }] };
}
