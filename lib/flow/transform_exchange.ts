/**
 * Exchanges with a transform: one result for each record, matched by its identity. The records of a
 * result replace the one that was sent and share its ack; nothing of them is decoded.
 */
import { childLineage, sharesKey } from "../delivery/lineage.ts";
import { Load } from "../delivery/load.ts";
import { OrderedOutputs } from "../delivery/ordered_outputs.ts";
import { ResultMatch } from "../delivery/result_match.ts";
import { sharedKeys } from "../delivery/shared_keys.ts";
import { Standing, Work } from "../delivery/work.ts";
import { WorkIds } from "../delivery/work_ids.ts";
import { TransformStatus } from "../../proto/messages/transform.ts";
import { RecordJoin } from "../../proto/record_join.ts";
import type { TransformResultView } from "../../proto/transform_result_view.ts";
import type { TransformStage } from "../routing/types.ts";
import type { Exchange } from "./exchange.ts";
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
  readonly #join: RecordJoin = new RecordJoin();
  readonly #match: ResultMatch = new ResultMatch();
  readonly #sentIds: WorkIds = new WorkIds();
  readonly #outputs: OrderedOutputs = new OrderedOutputs();
  #work: Work = new Work();

  constructor(stage: StageRun, settings: TransformStage) {
    this.#stage = stage;
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
    const lineage = this.#singleLineage ?? new Float64Array(work.count);
    if (typeof lineage !== "number") {
      for (let position = 0; position < work.count; position++) {
        this.#setLineages(lineage, position, view, position, position + 1);
      }
    }
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
    const { buffer, ports, views } = this.#stage.run.context;
    const records = Math.max(view.count, view.outputs.count);
    const bytes = new DerivedBytes(buffer, size, () => {
      ports.release(view.bytes);
      views.transforms.give(view, records);
    });
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
    const { count } = view.outputs;
    const shared = this.#singleLineage;
    let single = count === view.count;
    for (let result = 0; single && result < count; result++) {
      single = view.outputsStart(result) === result;
    }
    if (single && shared !== undefined) return shared;
    const lineages = new Float64Array(count);
    for (let result = 0; result < view.count; result++) {
      const position = this.#match.positions[result]!;
      if (position < 0) continue;
      const start = view.outputsStart(result);
      this.#setLineages(
        lineages,
        position,
        view,
        start,
        view.outputsEnd(result),
      );
    }
    return lineages;
  }

  /** The lineage of every output that is the only one of its record, if it is the same. */
  get #singleLineage(): number | undefined {
    const { sharedLineage } = this.#work;
    if (sharedLineage === undefined || sharesKey(sharedLineage)) {
      return undefined;
    }
    return childLineage(sharedLineage, this.#stage.nameHash, 0);
  }

  /** Notes the lineages of the outputs of the record in a position. */
  #setLineages(
    lineages: Float64Array,
    position: number,
    { outputs }: TransformResultView,
    start: number,
    end: number,
  ): void {
    const work = this.#work;
    const load = work.load(position);
    const index = work.indexes[position]!;
    const lineage = load.lineageOf(index);
    if (end - start === 1 && !sharesKey(lineage)) {
      lineages[start] = childLineage(lineage, this.#stage.nameHash, 0);
      return;
    }
    const shares = sharedKeys(
      { view: load.view, index, lineage },
      outputs,
      start,
      end,
    );
    for (let i = start; i < end; i++) {
      lineages[i] = childLineage(
        lineage,
        this.#stage.nameHash,
        i - start,
        shares(i),
      );
    }
  }
}
