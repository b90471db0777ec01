/**
 * Goal: what one flow hands over to another is acked when the other one has settled it, and is the same
 * as if one flow had done it all.
 * Method: two flows in memory and in virtual time; what the first hands over goes to the second as the
 * bytes that would go over the network.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import type { Handover } from "../../../lib/flow/receiver.ts";
import {
  handoverIn,
  receivedMessage,
} from "../../../lib/handlers/data_plane_messages.ts";
import { placedPipeline } from "../../../lib/routing/placed_pipeline.ts";
import {
  failsWith,
  FlowWorld,
  orders,
  passesOn,
  type SeenRecord,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { batches } from "../../fixtures/flow_pipelines.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { Later } from "../../fixtures/virtual_time.ts";

const pipeline = validPipeline({
  stages: [
    stage("orders", "source"),
    stage("split", "transform"),
    stage("archive", "sink"),
  ],
  edges: [edge("orders", "split"), edge("split", "archive")],
});

/** Makes two of each record, which both keep its identity. */
const splits: Service = (records) => ({
  results: records.map((record) => ({
    originalId: record.id,
    status: 4,
    outputRecords: [record, record],
  })),
});

/** Two pods: `here` has the source, `there` the stage that is handed over and all after it. */
class Pods {
  readonly here: FlowWorld = new FlowWorld();
  readonly there: FlowWorld = new FlowWorld();
  handovers = 0;

  constructor(moved: string) {
    this.here.relays.set(moved, {
      id: "there",
      port: {
        sender: "here",
        call: (request, { timeoutMs }) => {
          assertEquals(timeoutMs, undefined, "it may take its time");
          return this.#handOver(request);
        },
      },
    });
    this.here.flow.setPipeline(
      placedPipeline(pipeline, (id) => id === moved),
    );
  }

  run(isOver: () => boolean): boolean {
    for (let ms = 0; ms < 60_000; ms++) {
      if (isOver()) return true;
      this.here.time.pass(1);
      this.there.time.pass(1);
    }
    return false;
  }

  close(): void {
    this.here.flow.close();
    this.there.flow.close();
  }

  #handOver(request: Uint8Array): PromiseLike<Uint8Array> {
    const later = new Later<Uint8Array>();
    this.handovers++;
    this.here.time.after(1, () => {
      try {
        this.there.flow.receive(
          handoverIn(request),
          (intake) => {
            if (intake === undefined) return;
            const answer = receivedMessage(intake);
            this.here.time.after(1, () => later.resolve(answer));
          },
        );
      } catch (error) {
        later.reject(error as ConveyorError);
      }
    });
    return later;
  }
}

/** The idempotency keys that a sink got, in order. */
function keysOf(records: readonly SeenRecord[]): string[] {
  return records.map(({ id }) => id.idempotencyKey.toHex());
}

Deno.test("a record handed over is acked when the other flow has settled it", () => {
  const pods = new Pods("split");
  const { here, there } = pods;
  there.flow.setPipeline(pipeline);
  there.serve("split", splits);
  const source = here.source();
  source.push(orders(1, 100));
  assert(pods.run(() => there.callsOf("split").length === 1));
  pods.run(() => there.time.monotonicMs() > 1_000);
  assertEquals(source.told, []);
  there.serve("archive", writesAll);
  there.flow.servicesChanged();
  assert(pods.run(() => source.told.length === 100));
  assert(source.told.every(({ outcome }) => outcome === "Accepted"));
  assertEquals(there.sequencesOf("archive").flat().length, 200);
  assertEquals(there.flow.underWay.records, 0);
  assertEquals(there.flow.underWay.bytes, 0);
  assertEquals(here.flow.underWay.bytes, 0);
  // Only who knows the source commits where it stands.
  assertEquals(there.committed.size, 0);
  pods.run(() => here.committed.size > 0);
  assertEquals(here.committed.get("orders/0"), 100n);
  pods.close();
});

Deno.test("a batch handed over is answered once, when all of it is settled", () => {
  const pods = new Pods("archive");
  const { here, there } = pods;
  here.serve("split", passesOn);
  there.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      stage("split", "transform"),
      stage("archive", "sink", batches(10)),
    ],
    edges: [edge("orders", "split"), edge("split", "archive")],
  }));
  there.serve(
    "archive",
    (records) => ({ ...writesAll(records), afterMs: 20 }),
  );
  const source = here.source();
  source.push(orders(1, 100));
  assert(pods.run(() => source.told.length === 100));
  assertEquals(new Set(source.outcomes()), new Set(["Accepted"]));
  assertEquals(pods.handovers, 1);
  assertEquals(there.sequencesOf("archive").flat().length, 100);
  pods.close();
});

Deno.test("records made of one record have the same keys at the sink, whoever writes them", () => {
  const run = (world: FlowWorld, sinkWorld: FlowWorld, pass: () => void) => {
    world.serve("split", splits);
    sinkWorld.serve("archive", writesAll, { exactlyOnce: true });
    world.source().push(orders(1, 20));
    pass();
    return sinkWorld.callsOf("archive").flatMap(({ records }) =>
      keysOf(records)
    );
  };
  const alone = new FlowWorld();
  alone.flow.setPipeline(pipeline);
  const expected = run(alone, alone, () => alone.time.pass(1_000));
  alone.flow.close();
  const pods = new Pods("archive");
  pods.there.flow.setPipeline(pipeline);
  const keys = run(
    pods.here,
    pods.there,
    () => pods.run(() => pods.there.callsOf("archive").length > 0),
  );
  assertEquals(keys, expected);
  assertEquals(new Set(keys).size, 40);
  pods.close();
});

Deno.test("records that are not taken cost no attempt, and go when the stage is there", () => {
  const pods = new Pods("split");
  const { here, there } = pods;
  there.serve("split", passesOn);
  there.serve("archive", writesAll);
  const source = here.source();
  source.push(orders(1, 10));
  assert(pods.run(() => pods.handovers > 6));
  assertEquals(source.told, []);
  assertEquals(
    here.flow.report("orders")?.stages.get("split")?.trouble?.code,
    "NOT_FOUND",
  );
  there.flow.setPipeline(pipeline);
  assert(pods.run(() => source.told.length === 10));
  assert(source.told.every(({ outcome }) => outcome === "Accepted"));
  assertEquals(here.letters, []);
  pods.close();
});

Deno.test("records that the other flow gives back are handed over again", () => {
  const pods = new Pods("split");
  const { here, there } = pods;
  there.flow.setPipeline(pipeline);
  there.serve("split", passesOn);
  const source = here.source();
  source.push(orders(1, 10));
  assert(pods.run(() => there.callsOf("split").length === 1));
  void there.flow.removePipeline("orders");
  there.flow.giveUpPipeline("orders");
  there.flow.setPipeline(pipeline);
  there.serve("archive", writesAll);
  assert(pods.run(() => source.told.length === 10));
  assert(source.told.every(({ outcome }) => outcome === "Accepted"));
  assertEquals(pods.handovers, 2);
  pods.close();
});

Deno.test("records that wait in the other flow for a dead sink begin anew in both when the sink is updated away", () => {
  const pods = new Pods("split");
  const { here, there } = pods;
  there.flow.setPipeline(pipeline);
  there.serve("split", passesOn);
  there.serve("archive", failsWith(Code.Unavailable));
  const source = here.source();
  source.push(orders(1, 20));
  assert(pods.run(() => there.callsOf("archive").length > 3));
  const next = validPipeline({
    stages: [
      stage("orders", "source"),
      stage("split", "transform"),
      stage("vault", "sink"),
    ],
    edges: [edge("orders", "split"), edge("split", "vault")],
  });
  there.serve("vault", writesAll);
  there.flow.setPipeline(next);
  here.flow.setPipeline(placedPipeline(next, (id) => id === "split"));
  source.push(orders(21, 30));
  assert(pods.run(() => source.told.length === 30));
  assert(source.told.every(({ outcome }) => outcome === "Accepted"));
  const written = there.sequencesOf("vault").flat();
  assertEquals(written, Array.from({ length: 30 }, (_, at) => at + 1));
  pods.close();
});

Deno.test("receive() takes nothing that is malformed, and nothing once the flow drains", () => {
  const { flow } = new FlowWorld();
  flow.setPipeline(pipeline);
  const handover: Handover = {
    pipelineId: "orders",
    stageId: "split",
    bytes: Uint8Array.of(0x12, 9, 1),
    start: 0,
    end: 3,
    lineages: undefined,
  };
  const refusal = (parts: Partial<Handover>): string => {
    const error = assertThrows(
      () => flow.receive({ ...handover, ...parts }, () => {}),
      ConveyorError,
    );
    return Code[error.code];
  };
  assertEquals(refusal({}), "InvalidArgument");
  assertEquals(
    refusal({ end: 0, lineages: Float64Array.of(1) }),
    "InvalidArgument",
  );
  assertEquals(refusal({ stageId: "none" }), "NotFound");
  void flow.drain();
  assertEquals(refusal({}), "Unavailable");
  flow.close();
});
