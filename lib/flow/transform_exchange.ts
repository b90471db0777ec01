/**
 * Exchanges with a transform: one result for each record, matched by its identity. The records of a
 * result replace the one that was sent and share its ack; nothing of them is decoded.
 */
import { childLineage } from "../delivery/lineage.ts";
import { Load } from "../delivery/load.ts";
import { OrderedOutputs } from "../delivery/ordered_outputs.ts";
import { ResultMatch } from "../delivery/result_match.ts";
import { Standing, Work } from "../delivery/work.ts";
import { WorkIds } from "../delivery/work_ids.ts";
import { TransformStatus } from "../../proto/messages/transform.ts";
import { RecordJoin } from "../../proto/record_join.ts";
import type { TransformResultView } from "../../proto/transform_result_view.ts";
import type { TransformStage } from "../routing/types.ts";
import { type Exchange, noFields } from "./exchange.ts";
import { DerivedBytes } from "./derived_bytes.ts";
import type { StageRun } from "./stage_run.ts";

const unanswered = {
  code: "DATA_LOSS",
  message: "the transform gave no result for the record",
};
const nothingMade = {
  code: "DATA_LOSS",
  message: "the transform said that it succeeded, and gave no record",
};
const nameless = {
  code: "DATA_LOSS",
  message: "the transform gave an output record without id.source_id",
};

/** The exchanges of one lane. */
export class TransformExchange implements Exchange<"transform"> {
  readonly #stage: StageRun;
  readonly #settings: TransformStage;
  readonly #join: RecordJoin;
  readonly #match: ResultMatch = new ResultMatch();
  readonly #sentIds: WorkIds = new WorkIds();
  readonly #outputs: OrderedOutputs = new OrderedOutputs();
  #work: Work = new Work();

  constructor(stage: StageRun, settings: TransformStage) {
    this.#stage = stage;
    this.#join = new RecordJoin(stage.run.context.requests);
    this.#settings = settings;
  }

  begin(work: Work): void {
    this.#work = work;
    this.#outputs.begin(work.count);
  }

  request(positions: Uint32Array): Uint8Array {
    const { selector, config } = this.#settings;
    this.#join.clear();
    this.#work.joinTo(this.#join, positions);
    const request = this.#join.processRequest(
      selector.serviceName,
      this.#stage.nextBatchId(),
      config,
    );
    this.#join.clear();
    return request;
  }

  read(answer: Uint8Array, positions: Uint32Array): void {
    const { views } = this.#stage.run.context;
    const view = views.transforms.take().reset(answer);
    const work = this.#work;
    if (
      positions.length === work.count &&
      view.addIfOneForEach(this.#sentIds.reset(work, positions)) &&
      !view.outputs.hasNameless
    ) return this.#allMade(view, answer.length);
    view.reset(answer).addResponse();
    const match = this.#match;
    match.match(view.ids, work, positions);
    this.#stage.counters.unknownResults += match.unknown;
    const slots = new Uint32Array(view.outputs.count);
    this.#addLoad(view, slots, this.#lineage(view), answer.length);
    for (let result = 0; result < view.count; result++) {
      const position = match.positions[result]!;
      if (position >= 0) this.#readOne(view, result, position, slots);
    }
    for (let n = 0; n < positions.length; n++) {
      const position = positions[n]!;
      if (work.standings[position] === Standing.Open) {
        work.fail(position, Standing.Failed, unanswered);
      }
    }
  }

  leave(position: number): void {
    this.#outputs.ended(position);
  }

  letterFields(): Uint8Array {
    return noFields;
  }

  giveOn(): void {
    const { run, settings } = this.#stage;
    this.#outputs.drain((load, records) =>
      run.route(settings.index, load, records)
    );
  }

  giveUp(each: (slot: number) => void): void {
    this.#outputs.giveUp(each);
  }

  /** Each record of the work has become the one in its place among the outputs. */
  #allMade(view: TransformResultView, bytes: number): void {
    const work = this.#work;
    const slots = work.slots.slice(0, work.count);
    const shared = work.sharedLineage;
    const lineage = shared === undefined
      ? Float64Array.from(slots, (_, position) => this.#child(position, 0))
      : childLineage(shared, this.#stage.nameHash, 0);
    this.#addLoad(view, slots, lineage, bytes);
    work.standings.fill(Standing.Done, 0, work.count);
    this.#outputs.madeAll();
  }

  #addLoad(
    view: TransformResultView,
    slots: Uint32Array,
    lineage: number | Float64Array,
    size: number,
  ): void {
    const { buffer, views } = this.#stage.run.context;
    const records = Math.max(view.count, view.outputs.count);
    const bytes = new DerivedBytes(
      buffer,
      size,
      () => views.transforms.give(view, records),
    );
    this.#outputs.addLoad(new Load(bytes, view.outputs, slots, lineage, size));
  }

  #readOne(
    view: TransformResultView,
    result: number,
    position: number,
    slots: Uint32Array,
  ): void {
    const work = this.#work;
    const status = view.statuses[result];
    if (
      status === TransformStatus.Success || status === TransformStatus.Split
    ) {
      if (
        status === TransformStatus.Success &&
        view.outputsStart(result) === view.outputsEnd(result)
      ) return work.fail(position, Standing.Failed, nothingMade);
      return this.#made(view, result, position, slots);
    }
    if (status === TransformStatus.Filtered) return this.#filtered(position);
    work.fail(position, Standing.Failed, {
      code: "INVALID_ARGUMENT",
      message: view.error(result) ||
        `the transform answered with the status ${status} and no message`,
    });
  }

  #made(
    view: TransformResultView,
    result: number,
    position: number,
    slots: Uint32Array,
  ): void {
    const work = this.#work;
    const start = view.outputsStart(result);
    const end = view.outputsEnd(result);
    if (start === end) return this.#filtered(position);
    const slot = work.slots[position]!;
    const { sourceIds } = view.outputs.ids;
    for (let i = start; i < end; i++) {
      if (sourceIds[i] === "") {
        return work.fail(position, Standing.Failed, nameless);
      }
      slots[i] = slot;
    }
    if (end - start > 1) this.#stage.run.addBranches(slot, end - start - 1);
    work.standings[position] = Standing.Done;
    this.#outputs.made(position, start, end);
  }

  #filtered(position: number): void {
    const { run } = this.#stage;
    run.context.counters.filtered++;
    this.#work.standings[position] = Standing.Done;
    this.#outputs.ended(position);
    run.settle(this.#work.slots[position]!);
  }

  /** The lineage of the outputs; one number where every record has one output and came alike. */
  #lineage(view: TransformResultView): number | Float64Array {
    const shared = this.#work.sharedLineage;
    const { count } = view.outputs;
    let single = shared !== undefined && count === view.count;
    for (let result = 0; single && result < count; result++) {
      single = view.outputsStart(result) === result;
    }
    if (single) return childLineage(shared!, this.#stage.nameHash, 0);
    const lineage = new Float64Array(count);
    for (let result = 0; result < view.count; result++) {
      const position = this.#match.positions[result]!;
      if (position < 0) continue;
      const start = view.outputsStart(result);
      const end = view.outputsEnd(result);
      for (let i = start; i < end; i++) {
        lineage[i] = this.#child(position, i - start);
      }
    }
    return lineage;
  }

  /** The lineage of output `place` of the record in a position. */
  #child(position: number, place: number): number {
    const work = this.#work;
    const parent = work.load(position).lineageOf(work.indexes[position]!);
    return childLineage(parent, this.#stage.nameHash, place);
  }
}
