import { assert, assertEquals } from "@std/assert";
import { Channel } from "../../../clients/channel.ts";
import { Code } from "../../../lib/errors.ts";
import {
  DataPlaneHandler,
  dataPlaneService,
} from "../../../lib/handlers/data_plane_handler.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import {
  AckStatus,
  type PushRecordsRequest,
  type PushRecordsResponse,
  type ReceiveRecordsRequest,
  type ReceiveRecordsResponse,
  type SidecarDataPlaneMethods,
} from "../../../proto/messages/sidecar.ts";
import { serviceOf } from "../../../proto/service.ts";
import { Feed } from "../../fixtures/feed.ts";
import { FlowWorld, writesAll } from "../../fixtures/flow_world.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { type Served, served } from "../../fixtures/served.ts";

const { methods } = serviceOf<SidecarDataPlaneMethods>(
  "conveyor.sidecar.SidecarDataPlane",
);
const pipeline = validPipeline({
  stages: [stage("orders", "source"), stage("archive", "sink")],
  edges: [edge("orders", "archive")],
});

/** A data plane over a flow in virtual time, and a caller. */
class DataPlane implements AsyncDisposable {
  readonly world: FlowWorld = new FlowWorld();
  /** Sources that were asked about. */
  readonly expected: string[] = [];
  #served!: Served;
  #channel!: Channel;
  #time: ReturnType<typeof setInterval> | undefined;

  static async start(): Promise<DataPlane> {
    const plane = new DataPlane();
    plane.world.serve("archive", writesAll);
    const handler = new DataPlaneHandler({
      flow: plane.world.flow,
      expectSource: (sourceId) => {
        plane.expected.push(sourceId);
        return Promise.resolve();
      },
    });
    plane.#served = await served(dataPlaneService, handler);
    plane.#channel = await Channel.connect(plane.#served.url);
    plane.#time = setInterval(() => plane.world.time.pass(1), 1);
    return plane;
  }

  push(
    requests: AsyncIterable<MessageInit<PushRecordsRequest>>,
  ): AsyncIterable<PushRecordsResponse> {
    return this.#channel.stream(methods.pushRecords, requests);
  }

  /** What a stream with these messages is answered, acks alone. */
  async acksOf(
    ...requests: MessageInit<PushRecordsRequest>[]
  ): Promise<string[]> {
    const feed = new Feed<MessageInit<PushRecordsRequest>>();
    feed.push(...requests);
    feed.end();
    const answers = await Array.fromAsync(this.push(feed));
    return answers.flatMap(({ ack }) =>
      (ack?.recordAcks ?? []).map(({ recordId, status }) =>
        `${recordId?.sequenceNumber} ${AckStatus[status]}`
      )
    );
  }

  async receive(
    request: MessageInit<ReceiveRecordsRequest>,
  ): Promise<ReceiveRecordsResponse> {
    return (await this.#channel.unary(methods.receiveRecords, request)).message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#time);
    await this.#channel.close();
    await this.#served[Symbol.asyncDispose]();
    await this.world.flow.close();
  }
}

function batch(...sequences: number[]) {
  return {
    batchId: "b",
    records: sequences.map((sequence) => ({
      id: { sourceId: "orders", sequenceNumber: BigInt(sequence) },
    })),
  };
}

Deno.test("pushRecords() grants credit, and acks what the sink has", async () => {
  await using plane = await DataPlane.start();
  plane.world.flow.setPipeline(pipeline);
  const feed = new Feed<MessageInit<PushRecordsRequest>>();
  feed.push({ init: { sourceId: "orders" } });
  let granted = 0n;
  const acks: PushRecordsResponse[] = [];
  for await (const answer of plane.push(feed)) {
    if (answer.credits && granted === 0n) feed.push({ batch: batch(1, 2) });
    granted += answer.credits?.granted ?? 0n;
    if (answer.ack) {
      acks.push(answer);
      feed.end();
    }
  }
  assert(granted > 0n);
  assertEquals(plane.expected, ["orders"]);
  assertEquals(acks.map(({ ack }) => [ack?.batchId, ack?.success]), [
    ["b", true],
  ]);
});

Deno.test("pushRecords() answers what it does not take as to be sent again", async () => {
  await using plane = await DataPlane.start();
  const init = { init: { sourceId: "orders" } };
  assertEquals(await plane.acksOf(init, { batch: batch(1) }), ["1 Retry"]);
  plane.world.flow.setPipeline(pipeline);
  const other = { init: { sourceId: "orders", pipelineId: "another" } };
  assertEquals(await plane.acksOf(other, { batch: batch(1) }), ["1 Retry"]);
  const same = { init: { sourceId: "orders", pipelineId: "orders" } };
  assertEquals(await plane.acksOf(same, { batch: batch(1) }), ["1 Success"]);
  // It can never be taken: nobody knows whose it is.
  assertEquals(await plane.acksOf(init, { batch: { records: [{}] } }), [
    "0 Failed",
  ]);
});

Deno.test("pushRecords() wants one opening, and that first", async () => {
  await using plane = await DataPlane.start();
  const init = { init: { sourceId: "orders" } };
  const wrong: MessageInit<PushRecordsRequest>[][] = [
    [{ batch: batch(1) }],
    [{ init: { sourceId: "" } }],
    [init, { heartbeat: {} }, init],
  ];
  for (const requests of wrong) {
    await rejection(plane.acksOf(...requests), Code.InvalidArgument);
  }
});

Deno.test("receiveRecords() answers for every record, in order", async () => {
  await using plane = await DataPlane.start();
  plane.world.flow.setPipeline(pipeline);
  const { success, recordAcks } = await plane.receive({
    pipelineId: "orders",
    stageId: "archive",
    batch: batch(3, 1, 2),
    lineages: [0, 5, 2 ** 52],
  });
  assertEquals(success, true);
  assertEquals(
    recordAcks.map((
      { recordId, status },
    ) => [recordId?.sequenceNumber, status]),
    [3n, 1n, 2n].map((sequence) => [sequence, AckStatus.Success]),
  );
  assertEquals(
    (await plane.receive({
      pipelineId: "orders",
      stageId: "archive",
      batch: {},
    })).success,
    true,
  );
});

Deno.test("receiveRecords() says why it takes none, and refuses what is malformed", async () => {
  await using plane = await DataPlane.start();
  const { success, error, recordAcks } = await plane.receive({
    pipelineId: "orders",
    stageId: "archive",
    batch: batch(1),
  });
  assertEquals([success, recordAcks], [false, []]);
  assert(error.includes("does not run here"), error);
  await rejection(plane.receive({ stageId: "a" }), Code.InvalidArgument);
});
