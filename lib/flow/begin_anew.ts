/**
 * Sends records that are somewhere in versions of a pipeline which are no more at work through another
 * version, from its start and in the order in which they came. They are the same records: whoever sent
 * them waits for the same ack. What came in at a stage, and not from a source, goes back to whoever
 * brought it, as does what the version does not take.
 */
import type { Intake } from "../delivery/intake.ts";
import type { FlowContext } from "./flow_context.ts";
import type { PipelineRun } from "./pipeline_run.ts";

/** A record somewhere in a version. */
interface Branch {
  readonly run: PipelineRun;
  readonly slot: number;
}

/** Takes all records out of `runs`, in none of which a call is under way, and has them begin in `next`. */
export function beginAnew(
  context: FlowContext,
  runs: readonly PipelineRun[],
  next: PipelineRun,
): void {
  const { tracker, ports: { clock }, options } = context;
  const branches: Branch[] = [];
  for (const run of runs) {
    run.takeBack((slot) => branches.push({ run, slot }));
  }
  const slots = new Set(branches.map(({ slot }) => slot));
  const taken = new Set<number>();
  for (const [intake, slotsOf] of byIntake(context, slots)) {
    for (const slot of enter(context, intake, slotsOf, next)) taken.add(slot);
  }
  tracker.givenBackUntilMs = clock.monotonicMs() + options.refusedHoldMs;
  for (const { run, slot } of branches) {
    if (taken.has(slot)) run.settle(slot);
    else run.abandon(slot);
  }
}

/** Records of sources by the batch that they came in, each batch with the slots of its places. */
function byIntake(
  { tracker }: FlowContext,
  slots: Iterable<number>,
): readonly (readonly [Intake, Uint32Array])[] {
  const intakes = new Map<Intake, Uint32Array>();
  for (const slot of slots) {
    const { intake, place, window } = tracker.originOf(slot);
    if (window === undefined) continue;
    let slotsOf = intakes.get(intake);
    if (slotsOf === undefined) {
      slotsOf = new Uint32Array(intake.count);
      intakes.set(intake, slotsOf);
    }
    slotsOf[place] = slot;
  }
  return [...intakes].sort(([a], [b]) => a.turn - b.turn);
}

/** The records of a batch that have a slot begin in `run`; the slots of those that it takes. */
function enter(
  { tracker }: FlowContext,
  intake: Intake,
  slots: Uint32Array,
  run: PipelineRun,
): readonly number[] {
  const places = new Map<string, number[]>();
  for (const [place, slot] of slots.entries()) {
    if (slot === 0) continue;
    const sourceId = intake.ids.sourceIds[place]!;
    const placesOf = places.get(sourceId);
    if (placesOf) placesOf.push(place);
    else places.set(sourceId, [place]);
  }
  const load = intake.owner.loadOf(slots);
  const taken: number[] = [];
  for (const [sourceId, placesOf] of places) {
    const stages = run.entriesOf(sourceId);
    if (stages.length === 0) continue;
    for (const place of placesOf) {
      tracker.addBranches(slots[place]!, stages.length);
      taken.push(slots[place]!);
    }
    const records = Uint32Array.from(placesOf);
    for (const stage of stages) run.begin(stage, load, records);
  }
  load.release();
  return taken;
}
