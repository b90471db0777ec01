/**
 * Exchanges with a lookup: what it found for a record is added to the record's metadata; of a record
 * for which it found nothing the stage says what becomes. Answers may be kept for a while, so that
 * only what is not known is asked.
 */
import { childLineage } from "../delivery/lineage.ts";
import { Load } from "../delivery/load.ts";
import {
  type LookupAnswer,
  type LookupCache,
  lookupCacheKey,
} from "../delivery/lookup_cache.ts";
import { OrderedOutputs } from "../delivery/ordered_outputs.ts";
import { ResultMatch } from "../delivery/result_match.ts";
import { Standing, Work } from "../delivery/work.ts";
import type { LookupResultView } from "../../proto/lookup_result_view.ts";
import { LookupStatus } from "../../proto/messages/lookup.ts";
import { RecordJoin } from "../../proto/record_join.ts";
import { RecordRewriter } from "../../proto/record_rewriter.ts";
import type { LookupStage } from "../routing/types.ts";
import { DerivedBytes } from "./derived_bytes.ts";
import { type Exchange, noFields } from "./exchange.ts";
import type { StageRun } from "./stage_run.ts";

const unanswered = {
  code: "DATA_LOSS",
  message: "the lookup gave no result for the record",
};
const notText = {
  code: "DATA_LOSS",
  message: "the lookup found a value that is not UTF-8 text",
};

/** The exchanges of one lane. */
export class LookupExchange implements Exchange<"lookup"> {
  readonly #stage: StageRun;
  readonly #settings: LookupStage;
  readonly #cache: LookupCache | undefined;
  readonly #join: RecordJoin = new RecordJoin();
  readonly #rewriter: RecordRewriter = new RecordRewriter();
  readonly #match: ResultMatch = new ResultMatch();
  readonly #outputs: OrderedOutputs = new OrderedOutputs();
  /** Answers by position, from the cache or the service, until the record that goes on is made. */
  readonly #answers: Map<number, LookupAnswer> = new Map();
  #work: Work = new Work();
  /** The positions that the request under way asks for. */
  #asked: Uint32Array = new Uint32Array(0);

  /** `cache` is shared by the lanes of the stage. */
  constructor(
    stage: StageRun,
    settings: LookupStage,
    cache: LookupCache | undefined,
  ) {
    this.#stage = stage;
    this.#settings = settings;
    this.#cache = cache;
  }

  begin(work: Work): void {
    this.#work = work;
    this.#answers.clear();
    this.#outputs.begin(work.count);
  }

  request(positions: Uint32Array): Uint8Array | undefined {
    const { selector, lookup } = this.#settings;
    this.#asked = this.#cache === undefined
      ? positions
      : positions.filter((position) => !this.#isKnown(position));
    if (this.#asked.length === 0) return undefined;
    this.#join.clear();
    this.#work.joinTo(this.#join, this.#asked);
    const request = this.#join.lookupRequest(
      selector.serviceName,
      lookup.keyFields,
    );
    this.#join.clear();
    return request;
  }

  read(answer: Uint8Array | undefined, positions: Uint32Array): void {
    if (answer !== undefined) {
      const { ports, views } = this.#stage.run.context;
      const view = views.lookups.take();
      view.reset(answer).addResponse();
      this.#readResults(view);
      views.lookups.give(view);
      ports.release(answer);
    }
    this.#merge(positions);
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

  #isKnown(position: number): boolean {
    const key = this.#cacheKey(position);
    if (key === undefined) return false;
    const { clock } = this.#stage.run.context.ports;
    const answer = this.#cache!.get(key, clock.monotonicMs());
    if (answer === undefined) return false;
    this.#answers.set(position, answer);
    return true;
  }

  #cacheKey(position: number): string | undefined {
    return lookupCacheKey(
      this.#work.load(position).view,
      this.#work.indexes[position]!,
      this.#settings.lookup.keyFields,
    );
  }

  #readResults(view: LookupResultView): void {
    const match = this.#match;
    match.match(view.ids, this.#work, this.#asked);
    this.#stage.counters.unknownResults += match.unknown;
    for (let result = 0; result < view.count; result++) {
      const position = match.positions[result]!;
      if (position >= 0) this.#readOne(view, result, position);
    }
  }

  #readOne(view: LookupResultView, result: number, position: number): void {
    switch (view.statuses[result]) {
      case LookupStatus.Found: {
        const { outputPrefix } = this.#settings.lookup;
        const found = view.metadata(result, outputPrefix);
        if (found !== undefined) return this.#learn(position, found);
        return this.#work.fail(position, Standing.Failed, notText);
      }
      case LookupStatus.NotFound:
        return this.#learn(position, "miss");
      case LookupStatus.Timeout:
        return this.#work.fail(position, Standing.Failed, {
          code: "DEADLINE_EXCEEDED",
          message: view.error(result) || "the lookup of the record timed out",
        });
      default:
        this.#work.fail(position, Standing.Failed, {
          code: "INVALID_ARGUMENT",
          message: view.error(result) || "the lookup of the record failed",
        });
    }
  }

  #learn(position: number, answer: LookupAnswer): void {
    this.#answers.set(position, answer);
    // Where a miss is a failure, another attempt is to ask again.
    if (answer === "miss" && this.#settings.lookup.onMiss === "error") return;
    const key = this.#cache && this.#cacheKey(position);
    if (key === undefined) return;
    const { clock } = this.#stage.run.context.ports;
    this.#cache!.set(key, answer, clock.monotonicMs());
  }

  /** Makes the records that go on, as one buffer. */
  #merge(positions: Uint32Array): void {
    const work = this.#work;
    const rewriter = this.#rewriter;
    const made: number[] = [];
    rewriter.reset();
    for (let n = 0; n < positions.length; n++) {
      const position = positions[n]!;
      const more = this.#moreFor(position);
      this.#answers.delete(position);
      if (more === undefined) continue;
      rewriter.add(work.load(position).view, work.indexes[position]!, more);
      made.push(position);
    }
    if (made.length > 0) this.#addLoad(made, rewriter.batch());
  }

  /** What is added to the record that goes on; undefined: it does not. */
  #moreFor(position: number): Uint8Array | undefined {
    const work = this.#work;
    const answer = this.#answers.get(position);
    if (answer === undefined) {
      if (work.standings[position] === Standing.Open) {
        work.fail(position, Standing.Failed, unanswered);
      }
      return undefined;
    }
    if (answer !== "miss") return answer;
    switch (this.#settings.lookup.onMiss) {
      case "pass_through":
        return noFields;
      case "drop": {
        const { run, counters } = this.#stage;
        run.context.counters.dropped++;
        counters.dropped++;
        work.standings[position] = Standing.Done;
        this.#outputs.ended(position);
        run.settle(work.slots[position]!);
        return undefined;
      }
      case "error":
        // Asked again in another attempt: by then there may be something to find.
        work.fail(position, Standing.Failed, {
          code: "NOT_FOUND",
          message: "the lookup found nothing for the record",
        });
        return undefined;
    }
  }

  #addLoad(made: readonly number[], bytes: Uint8Array): void {
    const work = this.#work;
    const { buffer, ports, views } = this.#stage.run.context;
    const view = views.records.take().reset(bytes).addBatch();
    const slots = new Uint32Array(made.length);
    for (const [i, position] of made.entries()) {
      slots[i] = work.slots[position]!;
      work.standings[position] = Standing.Done;
    }
    const lineage = this.#lineage(made);
    const owner = new DerivedBytes(buffer, bytes.length, () => {
      ports.release(bytes);
      views.records.give(view);
    });
    this.#outputs.addLoad(new Load(owner, view, slots, lineage, bytes.length));
    for (const [i, position] of made.entries()) {
      this.#outputs.made(position, i, i + 1);
    }
  }

  #lineage(made: readonly number[]): number | Float64Array {
    const work = this.#work;
    const { nameHash } = this.#stage;
    const shared = work.sharedLineage;
    if (shared !== undefined) return childLineage(shared, nameHash, 0);
    return Float64Array.from(made, (position) =>
      childLineage(
        work.load(position).lineageOf(work.indexes[position]!),
        nameHash,
        0,
      ));
  }
}
