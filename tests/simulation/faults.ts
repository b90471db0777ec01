/**
 * What goes wrong in a simulation, as a script that can be printed, read back and shortened. A fault
 * names its victim by a number in [0, 1) over the members of that moment, or as the leader, so that it
 * still means something when faults before it are taken out.
 */
import type { Chance } from "./chance.ts";

export type Victim = "leader" | number;

/** One fault; those with `forMs` end after that time, those with `downMs` are followed by a start. */
export type Fault =
  & { readonly atMs: number }
  & (
    | { readonly kind: "crash"; readonly who: Victim; readonly downMs: number }
    | {
      readonly kind: "crashAtCommit";
      readonly who: Victim;
      /** The commit, counted from now, after which it crashes without having heard of it. */
      readonly commits: number;
      readonly downMs: number;
    }
    | { readonly kind: "powerLoss"; readonly downMs: number }
    | { readonly kind: "stop"; readonly who: Victim; readonly downMs: number }
    | { readonly kind: "pause"; readonly who: Victim; readonly forMs: number }
    /** A second process starts on the disk of one that is stopped, which then goes on. */
    | { readonly kind: "twin"; readonly who: Victim; readonly forMs: number }
    | {
      readonly kind: "partition";
      readonly shape: "halves" | "isolate" | "bridge" | "oneWay" | "mute";
      readonly who: Victim;
      readonly forMs: number;
    }
    | {
      readonly kind: "loss" | "duplication";
      readonly amount: number;
      readonly forMs: number;
    }
    | {
      readonly kind: "slowNetwork";
      readonly amount: number;
      readonly forMs: number;
    }
    | {
      readonly kind: "slowDisk";
      readonly who: Victim;
      readonly amount: number;
      readonly forMs: number;
    }
    | {
      readonly kind: "stallDisk" | "fullDisk";
      readonly who: Victim;
      readonly forMs: number;
    }
    | { readonly kind: "diskError"; readonly who: Victim }
    | {
      readonly kind: "clockRate" | "clockJump";
      readonly who: Victim;
      readonly amount: number;
    }
    | {
      readonly kind: "transfer" | "removeNode" | "replaceNode" | "demote";
      readonly who: Victim;
    }
    | { readonly kind: "addNode" | "promote" }
  );

export type FaultKind = Fault["kind"];

/** How often each kind is drawn, against the others. */
const weights: Readonly<Record<FaultKind, number>> = {
  crash: 10,
  crashAtCommit: 8,
  powerLoss: 1.5,
  stop: 2,
  pause: 6,
  twin: 2,
  partition: 14,
  loss: 4,
  duplication: 4,
  slowNetwork: 3,
  slowDisk: 4,
  stallDisk: 4,
  fullDisk: 1,
  diskError: 2,
  clockRate: 3,
  clockJump: 3,
  transfer: 4,
  addNode: 4,
  promote: 5,
  removeNode: 4,
  replaceNode: 4,
  demote: 2,
};

const memberships: readonly FaultKind[] = [
  "addNode",
  "promote",
  "removeNode",
  "replaceNode",
  "demote",
];

const kinds = Object.keys(weights) as FaultKind[];
const weightSum = kinds.reduce((sum, kind) => sum + weights[kind], 0);

/** Faults for the time up to `untilMs`, `meanGapMs` apart in the mean. */
export function planFaults(
  chance: Chance,
  untilMs: number,
  meanGapMs: number,
): Fault[] {
  const faults: Fault[] = [];
  let atMs = 1_000;
  for (;;) {
    atMs += chance.exponential(meanGapMs);
    if (atMs > untilMs) return faults;
    faults.push(drawFault(chance, Math.round(atMs)));
    const fault = faults.at(-1)!;
    // Trouble comes in company.
    if (chance.happens(0.3)) {
      faults.push(drawFault(chance, Math.round(atMs + chance.between(0, 300))));
    }
    faults.push(...companions(chance, fault));
  }
}

/**
 * Some faults say more together: a node that is cut off while its disk hangs has writes under way when
 * it hears of a new leader; a leader that was cut off runs again when the next one is gone; a membership
 * change meets another, or the end of the leader that took it.
 */
function companions(chance: Chance, fault: Fault): Fault[] {
  const { kind, atMs } = fault;
  if (kind === "partition" && chance.happens(0.3)) {
    const { who, forMs } = fault;
    const disk = { atMs, who, kind: "stallDisk" } as const;
    return [{ ...disk, forMs: forMs + Math.round(chance.between(0, 500)) }];
  }
  if (kind === "partition" && chance.happens(0.3)) {
    const forMs = Math.round(chance.between(700, 1_600));
    const cut = { atMs, who: "leader", kind: "partition", forMs } as const;
    const end = drawFault(chance, atMs + forMs - 50, "crash");
    return [{ ...cut, shape: "isolate" }, { ...end, who: "leader" } as Fault];
  }
  if (!memberships.includes(kind) || !chance.happens(0.5)) return [];
  const soonMs = atMs + chance.below(40);
  const other = (): Fault => ({
    ...drawFault(chance, soonMs, chance.pick(memberships)),
    atMs: soonMs + chance.below(40),
  });
  if (chance.happens(0.5)) return [other()];
  const kindOfEnd = chance.pick(["crash", "pause", "partition"] as const);
  const end = drawFault(chance, soonMs, kindOfEnd);
  return [{ ...end, who: "leader" } as Fault, other()];
}

function drawFault(
  chance: Chance,
  atMs: number,
  kind: FaultKind = drawKind(chance),
): Fault {
  const who: Victim = chance.happens(0.4) ? "leader" : round(chance.next());
  const forMs = Math.round(200 + chance.exponential(1_500));
  const downMs = Math.round(20 + chance.exponential(1_000));
  switch (kind) {
    case "crash":
    case "stop":
      return { atMs, kind, who, downMs };
    case "crashAtCommit":
      return { atMs, kind, who, commits: 1 + chance.below(12), downMs };
    case "powerLoss":
      return { atMs, kind, downMs };
    case "pause":
    case "twin":
    case "stallDisk":
    case "fullDisk":
      return { atMs, kind, who, forMs };
    case "partition": {
      const shape = chance.pick(
        ["halves", "isolate", "isolate", "bridge", "oneWay", "mute"] as const,
      );
      return { atMs, kind, shape, who, forMs: 2 * forMs };
    }
    case "loss":
    case "duplication":
      return { atMs, kind, amount: round(chance.between(0.02, 0.3)), forMs };
    case "slowNetwork":
      return { atMs, kind, amount: round(chance.between(3, 60)), forMs };
    case "slowDisk":
      return { atMs, kind, who, amount: round(chance.between(5, 200)), forMs };
    case "clockRate":
      return { atMs, kind, who, amount: round(chance.between(0.8, 1.2)) };
    case "clockJump":
      return { atMs, kind, who, amount: chance.below(20_000) - 10_000 };
    case "transfer":
      // To the leader itself it would be nothing.
      return { atMs, kind, who: round(chance.next()) };
    case "diskError":
    case "removeNode":
    case "replaceNode":
    case "demote":
      return { atMs, kind, who };
    case "addNode":
    case "promote":
      return { atMs, kind };
    default:
      return kind satisfies never;
  }
}

function drawKind(chance: Chance): FaultKind {
  let draw = chance.next() * weightSum;
  for (const kind of kinds) {
    draw -= weights[kind];
    if (draw < 0) return kind;
  }
  return "crash";
}

/** Rounded down: what is below 1 stays there. */
function round(value: number): number {
  return Math.floor(value * 1_000) / 1_000;
}
