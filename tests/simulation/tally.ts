/** What many simulations came to, for people. */
import type { FaultKind } from "./faults.ts";
import type { SimulationOutcome } from "./sim_worker.ts";

/** What is added up. */
const summed = [
  "events",
  "timeMs",
  "terms",
  "committed",
  "snapshotsSaved",
  "snapshotsInstalled",
  "membershipChanges",
  "operations",
  "acknowledged",
  "messagesLost",
] as const;

type Summed = typeof summed[number];

export class Tally {
  readonly #sums = new Map<Summed, number>();
  readonly #faults = new Map<FaultKind, number>();
  readonly #verdicts = new Map<SimulationOutcome["verdict"], number>();
  readonly #hashes = new Map<number, string>();

  add(outcome: SimulationOutcome): void {
    for (const what of summed) count(this.#sums, what, outcome[what]);
    for (const [kind, times] of outcome.faults) {
      count(this.#faults, kind, times);
    }
    count(this.#verdicts, outcome.verdict, 1);
    this.#hashes.set(outcome.seed, outcome.traceHash);
  }

  get seeds(): number {
    return this.#hashes.size;
  }

  get events(): number {
    return this.#sums.get("events") ?? 0;
  }

  /** Over the trace hashes of all seeds, in the order of the seeds. */
  get traceHash(): string {
    let hash = 0xcbf29ce484222325n;
    const bySeed = [...this.#hashes].sort(([one], [other]) => one - other);
    for (const [, text] of bySeed) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(`0x${text}`)) * 0x100000001b3n);
    }
    return hash.toString(16).padStart(16, "0");
  }

  /** The lines of a report; `elapsedMs` is how long it took. */
  lines(elapsedMs: number): string[] {
    const sum = (what: Summed): number => this.#sums.get(what) ?? 0;
    const number = (what: Summed): string => sum(what).toLocaleString("en-US");
    const faults = [...this.#faults].sort(([, one], [, other]) => other - one);
    const faultSum = faults.reduce((total, [, times]) => total + times, 0);
    const verdict = (kind: SimulationOutcome["verdict"]): number =>
      this.#verdicts.get(kind) ?? 0;
    const perSecond = Math.round(sum("events") / elapsedMs * 1_000);
    return [
      `${this.seeds} seeds, ${number("events")} events in ${
        (elapsedMs / 1_000).toFixed(1)
      } s (${perSecond.toLocaleString("en-US")}/s), ${
        (sum("timeMs") / 3_600_000).toFixed(1)
      } h of simulated time`,
      `faults injected: ${faultSum.toLocaleString("en-US")} (${
        faults.map(([kind, times]) => `${kind} ${times}`).join(", ")
      }), ${number("messagesLost")} messages lost`,
      `leader changes: ${(sum("terms") - this.seeds).toLocaleString("en-US")}`,
      `snapshots: ${number("snapshotsSaved")} saved, ${
        number("snapshotsInstalled")
      } installed`,
      `membership changes: ${number("membershipChanges")}`,
      `operations: ${number("operations")}, ${
        number("acknowledged")
      } answered; ${number("committed")} entries committed`,
      `linearizability: ${verdict("linearizable")} linearizable, ${
        verdict("violation")
      } violations, ${verdict("undecided")} undecided, ${
        verdict("unchecked")
      } not looked at`,
      `trace hash: ${this.traceHash}`,
    ];
  }
}

function count<K>(counts: Map<K, number>, key: K, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
