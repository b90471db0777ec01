import { assertEquals } from "@std/assert";
import { Channel } from "../../../clients/channel.ts";
import {
  pushServices,
  SourceHandler,
} from "../../../lib/handlers/source_handler.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import {
  AckStatus,
  type PushRequest,
  type SourceRouterMethods,
} from "../../../proto/messages/source.ts";
import { serviceOf } from "../../../proto/service.ts";
import { Feed } from "../../fixtures/feed.ts";
import { FlowWorld, writesAll } from "../../fixtures/flow_world.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { served } from "../../fixtures/served.ts";

const { methods } = serviceOf<SourceRouterMethods>(
  "conveyor.source.SourceRouter",
);
const pipeline = validPipeline({
  stages: [stage("orders", "source"), stage("archive", "sink")],
  edges: [edge("orders", "archive")],
});

function batch(sequence: number): MessageInit<PushRequest> {
  const id = { sourceId: "orders", sequenceNumber: BigInt(sequence) };
  return { batch: { batchId: "b", records: [{ id }] } };
}

Deno.test("pushRecords() catches up with the cluster before it says that no pipeline takes a source", async () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  let caughtUp = 0;
  const handler = new SourceHandler(world.flow, () => {
    if (++caughtUp === 2) world.flow.setPipeline(pipeline);
    return Promise.resolve();
  });
  await using at = await served(pushServices[0]!, handler);
  const channel = await Channel.connect(at.url);
  const time = setInterval(() => world.time.pass(1), 1);
  try {
    const feed = new Feed<MessageInit<PushRequest>>();
    feed.push(batch(1));
    const statuses: string[] = [];
    for await (const { ack } of channel.stream(methods.pushRecords, feed)) {
      for (const { status } of ack?.recordAcks ?? []) {
        statuses.push(AckStatus[status]);
        if (statuses.length === 3) feed.end();
        else feed.push(batch(statuses.length + 1));
      }
    }
    assertEquals(statuses, ["Rejected", "Accepted", "Accepted"]);
    assertEquals(caughtUp, 2);
  } finally {
    clearInterval(time);
    await channel.close();
    await world.flow.close();
  }
});
