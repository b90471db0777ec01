/** The metrics of a node's part in its cluster, and of the dead letters that it keeps. */
import { type Metric, single } from "../metrics/sample.ts";

/** Who knows of the cluster. */
export interface KnownCluster {
  /** Node id of the leader; 0: none is known. */
  readonly role: { readonly lead: number };
  readonly members: readonly unknown[];
  readonly appliedIndex: number;
}

/** Who knows of the dead letters. */
export interface KnownLetters {
  readonly count: number;
  readonly bytes: number;
}

/** All of them, as they are now. */
export function* nodeMetrics(
  nodeId: number,
  { role, members, appliedIndex }: KnownCluster,
  letters: KnownLetters,
): Generator<Metric, void, void> {
  const gauges: readonly [name: string, help: string, value: number][] = [
    [
      "leader_known",
      "Whether the node knows who leads: 1 or 0.",
      role.lead === 0 ? 0 : 1,
    ],
    [
      "leads",
      "Whether the node leads: 1 or 0.",
      role.lead === nodeId ? 1 : 0,
    ],
    ["members", "Nodes of the cluster.", members.length],
    [
      "applied_index",
      "Position in the log up to which the node has the state.",
      appliedIndex,
    ],
    ["dead_letters", "Dead letters that the node keeps.", letters.count],
    ["dead_letter_bytes", "Bytes that they take.", letters.bytes],
  ];
  for (const [name, help, value] of gauges) {
    yield single(`conveyor_${name}`, "gauge", help, value);
  }
}
