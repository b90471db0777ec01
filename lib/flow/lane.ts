/**
 * One lane of a stage: takes batches from its queue, has a service do the work, and deals with what
 * fails. One call is under way at a time and nothing overtakes: what is to be tried again is tried
 * before what waits behind it, so that the order of the queue is the order of the service.
 */
import { type Chunk, Chunks } from "../delivery/chunks.ts";
import {
  type CallDecision,
  codeName,
  decideCall,
} from "../delivery/failure.ts";
import { orderHash } from "../delivery/lane_choice.ts";
import { LaneQueue } from "../delivery/lane_queue.ts";
import type { ServedKind, ServiceInstance } from "../delivery/ports.ts";
import { backoffMs } from "../delivery/retry.ts";
import {
  type Failure,
  firstPositions,
  Standing,
  Work,
} from "../delivery/work.ts";
import { asConveyorError, type ConveyorError } from "../errors.ts";
import type { Exchange } from "./exchange.ts";
import type { StageRun } from "./stage_run.ts";
import type { StageService } from "./stage_service.ts";
import { unreadableAnswer } from "./unreadable_answer.ts";

enum State {
  /** Nothing is under way. */
  Idle,
  /** A service is asked. */
  Calling,
  /** A pause before the next call. */
  Waiting,
}

/** A lane. */
export class Lane<Kind extends ServedKind> {
  readonly queue: LaneQueue;
  readonly #stage: StageRun;
  readonly #service: StageService<Kind>;
  readonly #exchange: Exchange<Kind>;
  readonly #work: Work = new Work();
  /** What of the work is to be sent. */
  readonly #chunks: Chunks = new Chunks();
  #state: State = State.Idle;
  #cancelTimer: (() => void) | undefined;
  /** Whether the pause is for lack of the service: then it may end earlier. */
  #waitsForService = false;
  #pumping = false;
  #requestBytes = 0;
  #closed = false;

  constructor(
    stage: StageRun,
    service: StageService<Kind>,
    exchange: Exchange<Kind>,
  ) {
    this.#stage = stage;
    this.#service = service;
    this.#exchange = exchange;
    this.queue = new LaneQueue(stage.settings.batch);
  }

  /** Records that the lane works on. */
  get working(): number {
    return this.#work.count;
  }

  /** Whether a call is under way. */
  get busy(): boolean {
    return this.#state === State.Calling;
  }

  /** Goes on if it can. */
  pump(): void {
    const { run } = this.#stage;
    // What a step brings about may lead back to here: the loop looks again after each.
    if (this.#closed || this.#pumping || run.halted) return;
    this.#pumping = true;
    while (this.#state === State.Idle && this.#hasChunk()) this.#send();
    this.#pumping = false;
  }

  /** The service may be there again. */
  wake(): void {
    if (this.#state === State.Waiting && this.#waitsForService) this.#resume();
    else this.pump();
  }

  /** Gives up all records: tells the slot of each branch. */
  giveUp(each: (slot: number) => void): void {
    this.close();
    this.queue.clear((load, indexes) => {
      for (const index of indexes) each(load.slots[index]!);
    });
    this.#exchange.giveUp(each);
    for (let position = 0; position < this.#work.count; position++) {
      if (this.#work.standings[position] === Standing.Open) {
        each(this.#work.slots[position]!);
      }
    }
    this.#work.clear();
  }

  /** Stops; answers that are still to come are not looked at. */
  close(): void {
    this.#closed = true;
    this.#clearTimer();
  }

  /** Whether there is something to send; takes the next batch if one is due. */
  #hasChunk(): boolean {
    if (!this.#chunks.isEmpty) return this.#stage.mayGoOn();
    const { clock } = this.#stage.run.context.ports;
    const dueInMs = this.queue.dueInMs(clock.monotonicMs());
    if (dueInMs === Infinity) return false;
    if (dueInMs > 0) {
      if (!this.#cancelTimer) this.#startTimer(dueInMs, () => this.pump());
      return false;
    }
    this.#clearTimer();
    const count = this.#stage.takeable(this.queue.count);
    if (count === 0) return false;
    this.queue.take(this.#work, count);
    this.#stage.taken(this.#work.count);
    this.#exchange.begin(this.#work);
    this.#chunks.put(firstPositions(this.#work.count));
    return true;
  }

  #send(): void {
    const chunk = this.#chunks.next;
    if (this.#splitByKey(chunk)) return;
    const choice = this.#service.choose(this.#hashOf(chunk));
    if (choice.kind === "none") {
      return this.#waitForService(this.#service.noneFor());
    }
    if (choice.kind === "wait") return this.#waitForService(choice.ms);
    const { instance } = choice;
    const { recordsMax } = instance;
    if (recordsMax && chunk.positions.length > recordsMax) {
      return this.#chunks.splitAt(recordsMax);
    }
    const { positions } = chunk;
    const request = this.#exchange.request(positions, instance);
    this.#state = State.Calling;
    if (request !== undefined) {
      this.#service.called(instance);
      return this.#call(request, instance);
    }
    this.#answered(undefined, instance, 0);
    this.#callEnded();
  }

  #call(request: Uint8Array, instance: ServiceInstance<Kind>): void {
    const { run, settings, patient } = this.#stage;
    const { clock } = run.context.ports;
    const startMs = clock.monotonicMs();
    this.#requestBytes = request.length;
    instance.port.call(request, {
      records: this.#chunks.next.positions.length,
      timeoutMs: patient ? undefined : settings.retry.attemptTimeoutMs,
      signal: patient ? run.patientSignal : run.signal,
    }).then((answer) => {
      if (this.#closed) return;
      this.#answered(answer, instance, clock.monotonicMs() - startMs);
      this.#goOnAfterCall();
    }, (error) => {
      if (this.#closed) return;
      this.#failed(asConveyorError(error), instance);
      this.#goOnAfterCall();
    });
  }

  #goOnAfterCall(): void {
    this.#callEnded();
    this.pump();
    this.#stage.run.callEnded();
  }

  /** Unless it was decided to wait, the next call may be made. */
  #callEnded(): void {
    if (this.#state === State.Calling) this.#state = State.Idle;
  }

  #answered(
    answer: Uint8Array | undefined,
    instance: ServiceInstance<Kind>,
    ms: number,
  ): void {
    const { positions } = this.#chunks.next;
    let left: Failure | void;
    try {
      left = this.#exchange.read(answer, positions, instance);
    } catch (error) {
      return this.#failed(unreadableAnswer(error), instance);
    }
    if (left !== undefined) return this.#leftOver(left, instance);
    if (answer !== undefined) {
      this.#service.succeeded(instance);
      this.#stage.giveUps.succeeded();
      this.#stage.counters.calls++;
      this.#stage.counters.callMs += ms;
    }
    this.#chunks.take();
    this.#judge(undefined);
    this.#goOn();
  }

  /** The service did not take every record: the others stay to be sent again, at no cost to them. */
  #leftOver(left: Failure, instance: ServiceInstance<Kind>): void {
    const { positions } = this.#chunks.take();
    const { standings } = this.#work;
    this.#chunks.put(positions.filter((at) => standings[at] === Standing.Open));
    this.#stage.counters.errors++;
    this.#service.failed(instance, left);
    this.#judge(undefined);
    this.#goOn();
  }

  #failed(error: ConveyorError, instance: ServiceInstance<Kind>): void {
    const { positions } = this.#chunks.next;
    const failure = { code: codeName(error.code), message: error.message };
    const decision: CallDecision = decideCall(
      error.code,
      positions.length,
      this.#requestBytes > this.#stage.settings.batch.bytesMax,
    );
    this.#stage.counters.errors++;
    switch (decision.kind) {
      case "halve":
        this.#service.ended(instance);
        return this.#chunks.halve();
      case "charge":
        this.#service.ended(instance);
        this.#chunks.take();
        this.#work.fail(positions[0]!, Standing.Failed, failure);
        this.#judge(decision.inDoubt ? instance : undefined);
        return this.#goOn();
      case "wait":
        this.#service.failed(instance, failure);
        if (decision.halve) this.#chunks.halve();
        return;
      default:
        return decision satisfies never;
    }
  }

  /** Decides what becomes of the records that have failed; it may be the fault of `suspect` instead. */
  #judge(suspect: ServiceInstance<Kind> | undefined): void {
    const work = this.#work;
    if (work.failures.size === 0) return;
    const { settings, run } = this.#stage;
    const { clock, random } = run.context.ports;
    const again: number[] = [];
    let attemptsMax = 0;
    for (const [position, failure] of work.failures) {
      if (!work.firstFailureMs.has(position)) {
        work.firstFailureMs.set(position, clock.nowMs());
      }
      const attempts = Math.min(work.attempts[position]! + 1, 0xffff);
      work.attempts[position] = attempts;
      const hopeless = work.standings[position] === Standing.Hopeless ||
        attempts >= settings.retry.maxAttempts;
      if (hopeless) {
        if (suspect === undefined || this.#stage.giveUps.decide()) {
          this.#toDeadLetters(position, failure);
          continue;
        }
        this.#service.failed(suspect, failure);
      }
      work.standings[position] = Standing.Open;
      again.push(position);
      attemptsMax = Math.max(attemptsMax, attempts);
    }
    this.#stage.counters.errors += work.failures.size;
    work.failures.clear();
    if (again.length === 0) return;
    this.#chunks.put(Uint32Array.from(again).sort());
    this.#pause(backoffMs(settings.retry, attemptsMax, random), false);
  }

  /** Gives on what is done; when all of the work is, makes room for the next. */
  #goOn(): void {
    this.#exchange.giveOn();
    if (!this.#chunks.isEmpty) return;
    const { count } = this.#work;
    this.#work.clear();
    this.#stage.finished(count);
  }

  #toDeadLetters(position: number, failure: Failure): void {
    const work = this.#work;
    work.standings[position] = Standing.Done;
    this.#exchange.leave(position);
    this.#stage.letters.add(
      work.load(position),
      work.indexes[position]!,
      failure,
      {
        attempts: work.attempts[position]!,
        firstFailureMs: work.firstFailureMs.get(position),
      },
    );
  }

  /** No instance can be called: waits, or does without as the stage says. */
  #waitForService(ms: number): void {
    const { settings } = this.#stage;
    if (!this.#service.unavailable || settings.onUnavailable === "block") {
      return this.#pause(ms, true);
    }
    const { positions } = this.#chunks.take();
    const failure = this.#service.trouble!;
    for (const position of positions) {
      if (settings.onUnavailable === "dead_letter") {
        this.#toDeadLetters(position, failure);
      } else this.#drop(position);
    }
    this.#goOn();
  }

  #drop(position: number): void {
    const { run, counters } = this.#stage;
    this.#work.standings[position] = Standing.Done;
    this.#exchange.leave(position);
    counters.dropped++;
    run.context.counters.dropped++;
    run.settle(this.#work.slots[position]!);
  }

  /** Where keys decide on the instance, makes one chunk for each. Whether it did. */
  #splitByKey({ positions, grouped }: Chunk): boolean {
    const { selector } = this.#stage.settings;
    if (grouped || selector.loadBalance !== "consistent_hash") return false;
    const groups = new Map<string, number[]>();
    for (const position of positions) {
      const choice = this.#service.choose(this.#hashAt(position));
      if (choice.kind !== "call") return false;
      const { id } = choice.instance;
      const group = groups.get(id);
      if (group) group.push(position);
      else groups.set(id, [position]);
    }
    this.#chunks.group([...groups.values()]);
    return true;
  }

  #hashOf({ positions }: Chunk): number {
    const { selector } = this.#stage.settings;
    return selector.loadBalance === "consistent_hash"
      ? this.#hashAt(positions[0]!)
      : 0;
  }

  #hashAt(position: number): number {
    return orderHash(
      this.#work.load(position).view,
      this.#work.indexes[position]!,
    );
  }

  #pause(ms: number, forService: boolean): void {
    this.#state = State.Waiting;
    this.#waitsForService = forService;
    if (ms < Infinity) this.#startTimer(ms, () => this.#resume());
  }

  #resume(): void {
    this.#clearTimer();
    this.#waitsForService = false;
    this.#state = State.Idle;
    this.pump();
  }

  #startTimer(ms: number, work: () => void): void {
    this.#clearTimer();
    const { scheduler } = this.#stage.run.context.ports;
    this.#cancelTimer = scheduler.after(ms, () => {
      this.#cancelTimer = undefined;
      work();
      this.#stage.run.context.tell();
    });
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
