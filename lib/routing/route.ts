/**
 * Decides where the records of a batch go from a stage. The answer is a list of records for each
 * stage, not of stages for each record, and where nothing is asked of records, none is looked at.
 */
import type { RecordView } from "../../proto/record_view.ts";
import { always } from "./condition.ts";
import { IndexList, noRecords, type Selection } from "./index_list.ts";
import { RecordReader } from "./record_reader.ts";
import type { CompiledEdge, CompiledPipeline, CompiledRule } from "./types.ts";

/** Where the records of a batch go. */
export interface Routed {
  /** Every stage that gets records, with those that it gets. */
  readonly targets: readonly RouteTarget[];
  /** Records that no edge and no rule takes on. */
  readonly unrouted: Selection;
  /** How often an expression failed on a record; it counted as false. */
  readonly failures: number;
}

/** The records that go to the stage with index `stage`; at least one. */
export interface RouteTarget {
  readonly stage: number;
  readonly records: Selection;
}

/** Routes batches through one pipeline; keeps nothing of them. */
export class Router {
  readonly #pipeline: CompiledPipeline;
  readonly #reader: RecordReader;
  /** One list for each stage that a batch may go to, used by one batch after another. */
  readonly #lists: IndexList[] = [];
  readonly #unrouted: IndexList = new IndexList();

  constructor(pipeline: CompiledPipeline) {
    this.#pipeline = pipeline;
    this.#reader = new RecordReader(pipeline.metadataKeys);
  }

  /** Where `records` of `view` go from the stage with index `stage`. */
  route(stage: number, view: RecordView, records: Selection = "all"): Routed {
    const { routes } = this.#pipeline.stages[stage]!;
    const count = records === "all" ? view.count : records.length;
    if (count === 0) return { targets: [], unrouted: noRecords, failures: 0 };
    if (routes.kind === "fixed") {
      const unrouted = routes.targets.length === 0 ? records : noRecords;
      const targets = routes.targets.map((target) => ({
        stage: target,
        records,
      }));
      return { targets, unrouted, failures: 0 };
    }
    this.#reader.open(view);
    this.#unrouted.clear(count);
    const targets = routes.kind === "edges"
      ? this.#followEdges(routes.edges, records, count)
      : this.#followRules(routes.rules, records, count);
    this.#reader.close();
    return {
      targets: targets.filter(({ records }) => records !== noRecords),
      unrouted: this.#unrouted.take(records, count),
      failures: this.#reader.failures,
    };
  }

  #followEdges(
    edges: readonly CompiledEdge[],
    records: Selection,
    count: number,
  ): RouteTarget[] {
    const reader = this.#reader;
    const asked = edges.filter(({ condition }) => condition !== always);
    const tests = asked.map(({ condition }) => condition.holds);
    const lists = this.#emptyLists(asked.length, count);
    const allRouted = asked.length < edges.length;
    for (let n = 0; n < count; n++) {
      const i = records === "all" ? n : records[n]!;
      reader.seek(i);
      let routed = allRouted;
      for (let edge = 0; edge < tests.length; edge++) {
        if (!tests[edge]!(reader)) continue;
        lists[edge]!.add(i);
        routed = true;
      }
      if (!routed) this.#unrouted.add(i);
    }
    let next = 0;
    return edges.map(({ target, condition }) => ({
      stage: target,
      records: condition === always
        ? records
        : lists[next++]!.take(records, count),
    }));
  }

  #followRules(
    rules: readonly CompiledRule[],
    records: Selection,
    count: number,
  ): RouteTarget[] {
    const reader = this.#reader;
    const stages = [...new Set(rules.flatMap(({ targets }) => targets))];
    const lists = this.#emptyLists(stages.length, count);
    const tests = rules.map(({ condition }) => condition.holds);
    const listsOf = rules.map(({ targets }) =>
      targets.map((target) => lists[stages.indexOf(target)]!)
    );
    for (let n = 0; n < count; n++) {
      const i = records === "all" ? n : records[n]!;
      reader.seek(i);
      let rule = 0;
      while (rule < tests.length && !tests[rule]!(reader)) rule++;
      if (rule === tests.length) this.#unrouted.add(i);
      else for (const list of listsOf[rule]!) list.add(i);
    }
    return stages.map((stage, at) => ({
      stage,
      records: lists[at]!.take(records, count),
    }));
  }

  #emptyLists(length: number, capacity: number): readonly IndexList[] {
    while (this.#lists.length < length) this.#lists.push(new IndexList());
    for (let i = 0; i < length; i++) this.#lists[i]!.clear(capacity);
    return this.#lists;
  }
}
