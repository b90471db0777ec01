/** The figures that consensus is to reach, and a line of the report on one of them. */
import type { Comparison } from "./in_turn.ts";

/** A figure by itself, or a multiple of etcd's. */
type Bar = { readonly figure: number } | { readonly etcd: number };

interface Row {
  readonly what: string;
  /** Of rates more is better, of times less. */
  readonly unit: "/s" | "ms";
  readonly first: Bar;
  readonly goal: Bar;
}

/** What is measured. */
export type RowName =
  | "writes"
  | "write"
  | "reads"
  | "kill"
  | "stop"
  | "core"
  | "disk";

const rows: Readonly<Record<RowName, Row>> = {
  writes: {
    what: "writes, 64 clients, 256 B",
    unit: "/s",
    first: { etcd: 0.5 },
    goal: { etcd: 1 },
  },
  write: {
    what: "write p50, 1 client",
    unit: "ms",
    first: { etcd: 3 },
    goal: { etcd: 1 },
  },
  reads: {
    what: "linearizable reads, 64 clients",
    unit: "/s",
    first: { etcd: 0.5 },
    goal: { etcd: 1 },
  },
  kill: {
    what: "leader killed to next acked write",
    unit: "ms",
    first: { etcd: 1.25 },
    goal: { etcd: 1 },
  },
  stop: {
    what: "leader stopped, longest write gap",
    unit: "ms",
    first: { figure: 300 },
    goal: { figure: 100 },
  },
  core: {
    what: "core in memory, 256 proposals",
    unit: "/s",
    first: { figure: 100_000 },
    goal: { figure: 300_000 },
  },
  disk: {
    what: "core with three KV files",
    unit: "/s",
    first: { figure: 15_000 },
    goal: { figure: 50_000 },
  },
};

export const rowNames = Object.keys(rows) as readonly RowName[];

/** A row of the report; `noise` is how far apart two measurements of the same thing are. */
export interface Report {
  readonly what: string;
  readonly ours: string;
  readonly etcd: string;
  readonly ratio: string;
  readonly noise: string;
  readonly "first bar": string;
  readonly goal: string;
}

export function reportOf(name: RowName, found: Comparison): Report {
  const row = rows[name];
  return {
    what: row.what,
    ours: figure(row, found.one),
    etcd: figure(row, found.other),
    ratio: times(found.ratio),
    noise: `±${Math.round((found.noise - 1) * 100)} %`,
    "first bar": verdict(row, row.first, found),
    goal: verdict(row, row.goal, found),
  };
}

function verdict(row: Row, bar: Bar, { one, ratio }: Comparison): string {
  const [bound, got, shown] = "etcd" in bar
    ? [bar.etcd, ratio, `${bar.etcd} x etcd`]
    : [bar.figure, one, figure(row, bar.figure)];
  if (Number.isNaN(got)) return shown;
  const reached = row.unit === "/s" ? got >= bound : got <= bound;
  return `${shown}: ${reached ? "reached" : "MISSED"}`;
}

function figure({ unit }: Row, value: number): string {
  if (Number.isNaN(value)) return "-";
  return unit === "ms" && value < 10
    ? `${value.toFixed(2)} ms`
    : `${Math.round(value)}${unit === "ms" ? " ms" : unit}`;
}

function times(ratio: number): string {
  return Number.isNaN(ratio) ? "-" : `x ${ratio.toFixed(2)}`;
}
