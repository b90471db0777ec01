/**
 * The router's own work on records: source -> transform -> sink in one process, with ports that answer
 * at once with prepared bytes, so that nothing else is measured than the walk over the records, dedup,
 * routing, batching, the joining of requests, the reading of results, acks and offsets.
 */
import { systemClock } from "../../../lib/clock.ts";
import { Load } from "../../../lib/delivery/load.ts";
import { firstPositions, Work } from "../../../lib/delivery/work.ts";
import { WorkIds } from "../../../lib/delivery/work_ids.ts";
import { Flow } from "../../../lib/flow/flow.ts";
import { systemRandom } from "../../../lib/random.ts";
import { systemScheduler } from "../../../lib/scheduler.ts";
import {
  processResponseMessage,
  recordBatchMessage,
  writeResponseMessage,
} from "../../fixtures/record_messages.ts";
import { RecordJoin } from "../../../proto/record_join.ts";
import { RecordView } from "../../../proto/record_view.ts";
import { TransformResultView } from "../../../proto/transform_result_view.ts";
import { WriteResultView } from "../../../proto/write_result_view.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";

const batchRecords = 500;
const batches = 100;
/** What goes through at a time. */
export const ownWorkRecords = batches * batchRecords;
/** Batches that are under way at a time. */
const batchesAtOnce = 16;
const payload = new Uint8Array(180).fill(120);

const pipeline = validPipeline({
  stages: [
    stage("orders-eu-west-1", "source"),
    stage("enrich", "transform"),
    stage("archive", "sink"),
  ],
  edges: [edge("orders-eu-west-1", "enrich"), edge("enrich", "archive")],
});

function recordsOf(batch: number) {
  return Array.from({ length: batchRecords }, (_, i) => ({
    id: {
      sourceId: "orders-eu-west-1",
      partition: i % 8,
      sequenceNumber: 1_000_000 + batch * batchRecords + i,
    },
    recordType: "order.created",
    payload,
    metadata: { region: "eu-west-1" },
  }));
}

/** The messages of the source; those of the services answer them. */
export const sources: Uint8Array[] = [];
const transformed: Uint8Array[] = [];
const written: Uint8Array[] = [];
for (let batch = 0; batch < batches; batch++) {
  const records = recordsOf(batch);
  sources.push(recordBatchMessage.encode({ batchId: `${batch}`, records }));
  transformed.push(processResponseMessage.encode({
    results: records.map((record) => ({
      originalId: record.id,
      status: 1,
      outputRecords: [record],
    })),
  }));
  written.push(writeResponseMessage.encode({
    status: 1,
    results: records.map(({ id }) => ({ recordId: id, success: true })),
  }));
}
/** Of a record of theirs. */
export const ownWorkRecordBytes = Math.round(sources[0]!.length / batchRecords);

/** Takes all batches through a new flow; resolves when every record is acked. */
export async function doOwnWork(): Promise<void> {
  let transforms = 0;
  let writes = 0;
  let acked = 0;
  let goOn: () => void = () => {};
  const flow = new Flow({
    clock: systemClock,
    scheduler: systemScheduler,
    random: systemRandom,
    services: {
      // deno-lint-ignore no-explicit-any
      pick: ({ kind }): any => kind === "transform" ? transform : sink,
      source: () => undefined,
    },
    deadLetters: { put: ({ length }) => Promise.resolve(length) },
    // What the ports answer is used again.
    release: () => {},
    offsets: { committed: () => undefined, commit: () => Promise.resolve() },
  }, { creditWindowRecords: 1_000_000 });
  const transform = {
    id: "t",
    port: { call: () => Promise.resolve(transformed[transforms++]!) },
  };
  const sink = {
    id: "s",
    port: {
      call: () => Promise.resolve(written[writes++]!),
      flush: () => Promise.resolve(true),
      incarnation: 1,
    },
  };
  flow.setPipeline(pipeline);
  const session = flow.openSource({
    acked: ({ freshCount }) => {
      acked += freshCount;
      goOn();
    },
    granted: () => {},
    pressed: () => {},
    readable: () => {},
  });
  for (let batch = 0; batch < batches + batchesAtOnce; batch++) {
    while (acked < (batch - batchesAtOnce + 1) * batchRecords) {
      await new Promise<void>((resolve) => goOn = resolve);
    }
    if (batch < batches) session.accept(sources[batch]!);
    // As from a stream: each batch in a turn of its own.
    await Promise.resolve();
  }
  await flow.close();
}

/** The parts that can be measured alone: what is left of the whole is the flow itself. */
export function partsOfOwnWork(): readonly (readonly [
  name: string,
  run: () => void,
])[] {
  const source = new RecordView();
  const transform = new TransformResultView();
  const write = new WriteResultView();
  const join = new RecordJoin();
  const joinOf = (view: RecordView): void => {
    join.clear();
    join.addAll(view).writeRequest("archive", "b");
  };
  const sourceViews = sources.map((bytes) =>
    new RecordView().reset(bytes).addBatch()
  );
  const works = sourceViews.map((view) => {
    const work = new Work();
    const slots = new Uint32Array(view.count);
    const owner = { loadReleased: () => {} };
    work.addLoad(new Load(owner, view, slots, 0, view.bytes.length));
    work.addRange("all", 0, view.count);
    return work;
  });
  const ids = new WorkIds();
  const idsOf = (batch: number): WorkIds =>
    ids.reset(works[batch]!, firstPositions(batchRecords));
  const outputViews = transformed.map((bytes) =>
    new TransformResultView().reset(bytes).addResponse().outputs
  );
  return [
    ["walk over the source's batch", () => {
      for (const bytes of sources) source.reset(bytes).addBatch();
    }],
    ["join for the transform", () => sourceViews.forEach(joinOf)],
    ["walk over the transform's results", () => {
      transformed.forEach((bytes, i) =>
        transform.reset(bytes).addIfOneForEach(idsOf(i))
      );
    }],
    ["join for the sink", () => outputViews.forEach(joinOf)],
    ["walk over the sink's results", () => {
      written.forEach((bytes, i) =>
        write.reset(bytes).statusIfAllWritten(idsOf(i))
      );
    }],
  ];
}
