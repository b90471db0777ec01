/**
 * Metrics as Prometheus reads them (text format 0.0.4), and as a flat list of numbers. Own code,
 * since the format is one page and client libraries bring registries of their own with them.
 */
import type { Metric, MetricSource, Sample } from "./sample.ts";

/** The content type of the text. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** All metrics of `sources` as text. Metrics of one name, wherever they come from, stand together. */
export function exposition(sources: readonly MetricSource[]): string {
  const lines: string[] = [];
  for (const { name, kind, help, samples } of merged(sources)) {
    lines.push(`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${kind}`);
    for (const sample of samples) lines.push(lineOf(name, sample));
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** All numbers by their name, labels included: `name{label="value"}`. */
export function numbers(
  sources: readonly MetricSource[],
): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const { name, samples } of merged(sources)) {
    for (const { labels, value } of samples) {
      values.set(name + labelsOf(labels), value);
    }
  }
  return values;
}

function merged(sources: readonly MetricSource[]): Iterable<Metric> {
  const metrics = new Map<string, Metric>();
  for (const source of sources) {
    for (const metric of source()) {
      const known = metrics.get(metric.name);
      metrics.set(
        metric.name,
        known
          ? { ...known, samples: [...known.samples, ...metric.samples] }
          : metric,
      );
    }
  }
  return metrics.values();
}

function lineOf(name: string, { labels, value }: Sample): string {
  return `${name}${labelsOf(labels)} ${numberOf(value)}`;
}

function labelsOf(labels: Sample["labels"]): string {
  const parts = Object.entries(labels).map(([name, value]) =>
    `${name}="${escaped(value).replaceAll('"', '\\"')}"`
  );
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function numberOf(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
