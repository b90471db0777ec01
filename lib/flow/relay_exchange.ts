/**
 * Exchanges with another sidecar, which runs the stage and all that comes after it: a record is settled
 * when it says so, and that is when the record is settled there. What it has not taken costs no attempt:
 * it is sent again, there or wherever the stage runs by then.
 */
import { ResultMatch } from "../delivery/result_match.ts";
import type { ServiceInstance } from "../delivery/ports.ts";
import { type Failure, Standing, Work } from "../delivery/work.ts";
import { AckStatus } from "../../proto/messages/sidecar.ts";
import { RecordJoin } from "../../proto/record_join.ts";
import type { RelayAckView } from "../../proto/relay_ack_view.ts";
import type { RelayStage } from "../routing/types.ts";
import type { Exchange } from "./exchange.ts";
import type { StageRun } from "./stage_run.ts";

/** The exchanges of one lane. */
export class RelayExchange implements Exchange<"relay"> {
  readonly #stage: StageRun;
  readonly #settings: RelayStage;
  readonly #join: RecordJoin = new RecordJoin();
  readonly #match: ResultMatch = new ResultMatch();
  #work: Work = new Work();

  constructor(stage: StageRun, settings: RelayStage) {
    this.#stage = stage;
    this.#settings = settings;
  }

  begin(work: Work): void {
    this.#work = work;
  }

  request(
    positions: Uint32Array,
    { port: { sender } }: ServiceInstance<"relay">,
  ): Uint8Array {
    const join = this.#join;
    join.clear();
    this.#work.joinTo(join, positions);
    const { id: stageId } = this.#settings;
    const { id: pipelineId } = this.#stage.run.pipeline;
    const request = join.receiveRequest(
      { pipelineId, stageId, sender },
      this.#stage.nextBatchId(),
      this.#lineages(positions),
    );
    join.clear();
    return request;
  }

  read(answer: Uint8Array, positions: Uint32Array): Failure | undefined {
    const { views } = this.#stage.run.context;
    const view = views.relays.take();
    view.reset(answer).addResponse();
    const left = this.#readAcks(view, positions);
    views.relays.give(view);
    this.#settle(positions);
    return left;
  }

  leave(): void {}

  giveOn(): void {}

  giveUp(): void {}

  /** Notes what became of each record; why some were not taken, if so. */
  #readAcks(view: RelayAckView, positions: Uint32Array): Failure | undefined {
    const work = this.#work;
    const match = this.#match;
    if (view.count === 0 && view.success) {
      for (const position of positions) {
        work.standings[position] = Standing.Done;
      }
      return undefined;
    }
    let reason = view.refusal;
    match.match(view.ids, work, positions);
    this.#stage.counters.unknownResults += match.unknown;
    for (let result = 0; result < view.count; result++) {
      const position = match.positions[result]!;
      if (position < 0) continue;
      switch (view.statuses[result]) {
        case AckStatus.Success:
          work.standings[position] = Standing.Done;
          break;
        case AckStatus.Failed:
          work.fail(position, Standing.Hopeless, {
            code: "INVALID_ARGUMENT",
            message: view.error(result) || "the sidecar refused the record",
          });
          break;
        default:
          reason ||= view.error(result);
      }
    }
    const isLeft = positions.some((position) =>
      work.standings[position] === Standing.Open
    );
    if (!isLeft) return undefined;
    return {
      code: "UNAVAILABLE",
      message: reason || "the sidecar did not take every record",
    };
  }

  #settle(positions: Uint32Array): void {
    const work = this.#work;
    for (let n = 0; n < positions.length; n++) {
      const position = positions[n]!;
      if (work.standings[position] === Standing.Done) {
        this.#stage.run.settle(work.slots[position]!);
      }
    }
  }

  /** By record; undefined where all are as they came from their source. */
  #lineages(positions: Uint32Array): Float64Array | undefined {
    const work = this.#work;
    if (work.sharedLineage === 0) return undefined;
    const lineages = new Float64Array(positions.length);
    for (let n = 0; n < positions.length; n++) {
      const position = positions[n]!;
      lineages[n] = work.load(position).lineageOf(work.indexes[position]!);
    }
    return lineages;
  }
}
