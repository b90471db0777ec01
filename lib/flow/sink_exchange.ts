/**
 * Exchanges with a sink: one result for each record. A record that is written is settled, unless the
 * sink answers as pending: then it is once the sink has flushed. Where the sink drops what it has
 * already, each record carries an idempotency key.
 */
import { idempotencyKeyField } from "../delivery/idempotency_key.ts";
import { childLineage } from "../delivery/lineage.ts";
import type { ServiceInstance } from "../delivery/ports.ts";
import { ResultMatch } from "../delivery/result_match.ts";
import { Standing, Work } from "../delivery/work.ts";
import { WorkIds } from "../delivery/work_ids.ts";
import { Code, ConveyorError } from "../errors.ts";
import { DeliveryGuarantee, WriteStatus } from "../../proto/messages/sink.ts";
import { RecordJoin } from "../../proto/record_join.ts";
import { RecordRewriter } from "../../proto/record_rewriter.ts";
import type { WriteResultView } from "../../proto/write_result_view.ts";
import type { SinkStage } from "../routing/types.ts";
import type { Exchange } from "./exchange.ts";
import type { StageRun } from "./stage_run.ts";

const unanswered = {
  code: "DATA_LOSS",
  message: "the sink gave no result for the record",
};

/** The exchanges of one lane. */
export class SinkExchange implements Exchange<"sink"> {
  readonly #stage: StageRun;
  readonly #settings: SinkStage;
  readonly #join: RecordJoin = new RecordJoin();
  readonly #keyed: RecordRewriter = new RecordRewriter();
  readonly #match: ResultMatch = new ResultMatch();
  readonly #sentIds: WorkIds = new WorkIds();
  #work: Work = new Work();
  /** Of the instance, when the request under way was made. */
  #incarnation = 0;

  constructor(stage: StageRun, settings: SinkStage) {
    this.#stage = stage;
    this.#settings = settings;
  }

  begin(work: Work): void {
    this.#work = work;
  }

  request(
    positions: Uint32Array,
    { exactlyOnce = false, port }: ServiceInstance<"sink">,
  ): Uint8Array {
    this.#incarnation = port.incarnation;
    const { retry, selector } = this.#settings;
    const join = this.#join;
    join.clear();
    if (exactlyOnce) this.#joinKeyed(positions);
    else this.#work.joinTo(join, positions);
    const request = join.writeRequest(
      selector.serviceName,
      this.#stage.nextBatchId(),
      {
        requireAck: true,
        timeoutMs: retry.attemptTimeoutMs,
        guarantee: exactlyOnce
          ? DeliveryGuarantee.ExactlyOnce
          : DeliveryGuarantee.AtLeastOnce,
      },
    );
    join.clear();
    return request;
  }

  read(
    answer: Uint8Array,
    positions: Uint32Array,
    instance: ServiceInstance<"sink">,
  ): void {
    const { views } = this.#stage.run.context;
    const view = views.writes.take().reset(answer);
    let status = view.statusIfAllWritten(
      this.#sentIds.reset(this.#work, positions),
    );
    if (status === -1) status = this.#readAny(view, positions);
    else this.#work.setAll(positions, Standing.Done);
    views.writes.give(view);
    const pending = status === WriteStatus.Pending;
    this.#settle(positions, pending ? instance : undefined);
  }

  leave(): void {}

  giveOn(): void {}

  giveUp(): void {}

  /** Reads an answer in full; returns its status. */
  #readAny(view: WriteResultView, positions: Uint32Array): WriteStatus {
    view.addResponse();
    if (view.count === 0) this.#readStatus(view, positions);
    else this.#readResults(view, positions);
    return view.status;
  }

  /**
   * A sink without a result for any record speaks for all of them by the status of the batch. If that
   * is not well, the call has failed: it says nothing of any one record.
   */
  #readStatus({ status }: WriteResultView, positions: Uint32Array): void {
    if (status !== WriteStatus.Success && status !== WriteStatus.Pending) {
      throw new ConveyorError(
        Code.Unknown,
        status === WriteStatus.Failed
          ? "Cannot write batch: the sink failed, and gave no result for any record"
          : "Cannot write batch: the sink gave no result for any record",
      );
    }
    this.#work.setAll(positions, Standing.Done);
  }

  #readResults(view: WriteResultView, positions: Uint32Array): void {
    const work = this.#work;
    const match = this.#match;
    if (this.#saysNothing(view, positions)) {
      throw new ConveyorError(Code.Unknown, messageOf(view, 0));
    }
    match.match(view.ids, work, positions);
    this.#stage.counters.unknownResults += match.unknown;
    let written = 0;
    for (let result = 0; result < view.count; result++) {
      const position = match.positions[result]!;
      if (position < 0) continue;
      if (view.successes[result]) {
        work.standings[position] = Standing.Done;
        written++;
        continue;
      }
      const standing = view.retryables[result]
        ? Standing.Failed
        : Standing.Hopeless;
      work.fail(position, standing, {
        code: view.retryables[result] ? "UNKNOWN" : "INVALID_ARGUMENT",
        message: messageOf(view, result),
      });
    }
    for (let n = 0; n < positions.length; n++) {
      const position = positions[n]!;
      const standing = work.standings[position];
      if (standing === Standing.Open) {
        work.fail(position, Standing.Failed, unanswered);
      } else if (standing === Standing.Failed && written > 0) {
        work.blamed.add(position);
      }
    }
  }

  /**
   * Whether every record failed in a way that another attempt may mend, and none of them has failed
   * beside others that were written: then the sink is as likely to be at fault as a record.
   */
  #saysNothing(view: WriteResultView, positions: Uint32Array): boolean {
    if (view.count !== positions.length) return false;
    for (let result = 0; result < view.count; result++) {
      if (view.successes[result] || !view.retryables[result]) return false;
    }
    const { blamed } = this.#work;
    return blamed.size === 0 ||
      !positions.some((position) => blamed.has(position));
  }

  /** Settles what is written; what is pending in `instance` waits for its flush. */
  #settle(
    positions: Uint32Array,
    instance: ServiceInstance<"sink"> | undefined,
  ): void {
    const work = this.#work;
    const { run, pending } = this.#stage;
    if (instance !== undefined) {
      pending!.add(instance, this.#incarnation, work, positions);
    } else {
      pending!.spared();
      for (let n = 0; n < positions.length; n++) {
        const position = positions[n]!;
        if (work.standings[position] === Standing.Done) {
          run.settle(work.slots[position]!);
        }
      }
    }
  }

  /** Joins the records, each with the key that it has or is given. */
  #joinKeyed(positions: Uint32Array): void {
    const work = this.#work;
    const keyed = this.#keyed;
    keyed.reset();
    for (let n = 0; n < positions.length; n++) {
      const position = positions[n]!;
      const { view } = work.load(position);
      keyed.add(view, work.indexes[position]!, this.#keyField(position));
    }
    this.#join.addAll(keyed);
  }

  /** The key that the record in a position is given, as a field; nothing where it has the right one. */
  #keyField(position: number): Uint8Array {
    const work = this.#work;
    const load = work.load(position);
    const i = work.indexes[position]!;
    const lineage = childLineage(load.lineageOf(i), this.#stage.nameHash, 0);
    return idempotencyKeyField(load.view, i, lineage);
  }
}

function messageOf(view: WriteResultView, result: number): string {
  return view.error(result) || "the sink did not write the record";
}
