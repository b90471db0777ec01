import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import {
  CheckpointHandler,
  checkpointService,
} from "../../../lib/handlers/checkpoint_handler.ts";
import { registryService } from "../../../lib/handlers/registry_handler.ts";
import { checkpointBytesMax, watermarkIdleMs } from "../../../lib/limits.ts";
import { Loopback } from "../../fixtures/loopback.ts";
import { pipelineConfig } from "../../fixtures/pipelines.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { register } from "../../fixtures/services.ts";
import {
  committedFlow,
  StateCluster,
  type StateNode,
} from "../../fixtures/state_cluster.ts";

const { methods } = checkpointService;

async function commit(
  node: StateNode,
  offset: bigint,
  partition = 0,
  sourceId = "s",
): Promise<boolean> {
  const { message } = await node.calls.unary(methods.commitOffset, {
    sourceId,
    partition,
    offset,
  });
  return message.success;
}

async function next(
  node: StateNode,
  partition?: number,
  sourceId = "s",
): Promise<{ [partition: number]: bigint }> {
  const { message } = await node.calls.unary(methods.getSourceOffset, {
    sourceId,
    partition,
  });
  return message.offsets;
}

Deno.test("commitOffset() raises an offset, and answers success=false for a lower one", async () => {
  await using cluster = await StateCluster.start(3);
  const [a, b, c] = cluster.ids.map((id) => cluster.node(id));
  assertEquals(await commit(a!, 7n), true);
  assertEquals(await commit(b!, 7n), true);
  assertEquals(await commit(c!, 6n), false);
  assertEquals(await next(b!), { 0: 8n });
});

Deno.test("commitOffset() of many callers at once tells each what became of its own, in few entries", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const sources = ["a", "b", "c"];
  for (const sourceId of sources) await commit(node, 10n, 1, sourceId);
  const { metadata } = node.replicated;
  const before = metadata.status().commit;
  const offsets = Array.from({ length: 60 }, (_, at) => at);
  const outcomes = await Promise.all(
    // Sources and partitions in turn, and for partition 1 what is lower.
    offsets.map((at) => commit(node, 5n, at % 4, sources[at % 3]!)),
  );
  assertEquals(outcomes, offsets.map((at) => at % 4 !== 1));
  const entries = metadata.status().commit - before;
  assert(entries <= 2, `${entries} entries for ${offsets.length} commits`);
});

Deno.test("getSourceOffset() tells on every node where to go on, after what was answered anywhere", async () => {
  await using cluster = await StateCluster.start(3);
  for (let offset = 1n; offset <= 12n; offset++) {
    const writer = cluster.node(1 + Number(offset % 3n));
    const reader = cluster.node(1 + Number((offset + 1n) % 3n));
    await commit(writer, offset, 4);
    assertEquals(await next(reader, 4), { 4: offset + 1n });
  }
});

Deno.test("getSourceOffset() tells of one partition or of all, and of none that is not known", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await commit(node, 0n, 0);
  await commit(node, 2n ** 53n + 1n, 3);
  await commit(node, 2n ** 64n - 1n, 2 ** 32 - 1);
  assertEquals(await next(node), {
    0: 1n,
    3: 2n ** 53n + 2n,
    // Nothing follows the highest number that there is.
    [2 ** 32 - 1]: 2n ** 64n - 1n,
  });
  assertEquals(await next(node, 3), { 3: 2n ** 53n + 2n });
  assertEquals(await next(node, 1), {});
  assertEquals(await next(node, undefined, "another"), {});
});

Deno.test("commitOffset() and getSourceOffset() name the field that is missing", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  for (const call of [() => commit(node, 1n, 0, ""), () => next(node, 0, "")]) {
    const error = await rejection(call(), Code.InvalidArgument);
    assertEquals(error.details[0]?.field, "source_id");
  }
});

function timestamp(seconds: bigint): { seconds: bigint; nanos: number } {
  return { seconds, nanos: 0 };
}

async function report(
  node: StateNode,
  sourceId: string,
  partition: number,
  seconds: bigint,
): Promise<{ accepted: boolean; global: bigint | undefined }> {
  const { message } = await node.calls.unary(methods.reportWatermark, {
    watermark: { sourceId, partition, timestamp: timestamp(seconds) },
  });
  return {
    accepted: message.accepted,
    global: message.currentGlobalWatermark?.timestamp?.seconds,
  };
}

Deno.test("reportWatermark() raises a watermark, and tells the lowest of those that report", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  assertEquals(await report(node, "a", 0, 100n), {
    accepted: true,
    global: 100n,
  });
  assertEquals(await report(node, "a", 1, 50n), {
    accepted: true,
    global: 50n,
  });
  assertEquals(await report(node, "a", 1, 40n), {
    accepted: false,
    global: 50n,
  });
  assertEquals(await report(node, "b", 0, 70n), {
    accepted: true,
    global: 50n,
  });
  const watermarks = async (sourceId: string, partition?: number) => {
    const { message } = await node.calls.unary(methods.getWatermark, {
      sourceId,
      partition,
    });
    assertEquals(message.globalWatermark?.timestamp?.seconds, 50n);
    return message.watermarks.map((each) =>
      `${each.sourceId}/${each.partition} ${each.timestamp?.seconds}`
    );
  };
  assertEquals(await watermarks("a"), ["a/0 100", "a/1 50"]);
  assertEquals(await watermarks("a", 1), ["a/1 50"]);
  assertEquals(await watermarks(""), ["a/0 100", "a/1 50", "b/0 70"]);
});

Deno.test("getSourceOffset() waits for what the source has heard of at this node", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const flow = {
    commitOffsets: async (sourceId: string) => {
      assertEquals(await commit(node, 41n, 0, sourceId), true);
    },
  };
  const calls = new Loopback().add(
    checkpointService,
    new CheckpointHandler(node.replicated, flow),
  );
  const { message } = await calls.unary(methods.getSourceOffset, {
    sourceId: "orders",
  });
  assertEquals(message.offsets, { 0: 42n });
  await calls.close();
});

Deno.test("reportWatermark() leaves partitions out that have been silent for long", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated } = cluster.node(1);
  // The clock of the node that answers, a while after the reports.
  const later = { nowMs: Date.now(), monotonicMs: 0 };
  const calls = new Loopback().add(
    checkpointService,
    new CheckpointHandler(replicated, committedFlow, {
      nowMs: () => later.nowMs,
      monotonicMs: () => later.monotonicMs,
    }),
  );
  const global = async () => {
    const { message } = await calls.unary(methods.getWatermark, {});
    return message.globalWatermark?.timestamp?.seconds;
  };
  await report(cluster.node(1), "a", 0, 50n);
  assertEquals(await global(), 50n);
  later.nowMs += 2 * watermarkIdleMs;
  assertEquals(await global(), undefined);
  await calls.close();
});

Deno.test("reportWatermark() names what is missing", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  for (
    const [watermark, field] of [
      [undefined, "watermark"],
      [{ timestamp: timestamp(1n) }, "watermark.source_id"],
      [{ sourceId: "a" }, "watermark.timestamp"],
    ] as const
  ) {
    const error = await rejection(
      calls.unary(methods.reportWatermark, { watermark }),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, field);
  }
});

Deno.test("saveCheckpoint() keeps the latest of a service, for every node to give back", async () => {
  await using cluster = await StateCluster.start(3);
  const [a, b] = cluster.ids.map((id) => cluster.node(id));
  const get = async (node: StateNode, serviceId = "svc") =>
    (await node.calls.unary(methods.getCheckpoint, { serviceId })).message;
  assertEquals((await get(a!)).found, false);
  const sourceOffsets = { s: { offsets: { 0: 2n ** 64n - 1n } } };
  const saved = await a!.calls.unary(methods.saveCheckpoint, {
    serviceId: "svc",
    checkpointId: "one",
    data: new Uint8Array(checkpointBytesMax).fill(7),
    sourceOffsets,
  });
  assertEquals(saved.message.checkpointId, "one");
  const found = await get(b!);
  assertEquals(found.checkpointId, "one");
  assertEquals(found.data.length, checkpointBytesMax);
  assertEquals(found.sourceOffsets, sourceOffsets);
  assertEquals(found.createdAt, saved.message.createdAt);
  const { message } = await b!.calls.unary(methods.saveCheckpoint, {
    serviceId: "svc",
    data: new Uint8Array([1]),
  });
  assert(message.checkpointId.length > 0);
  assertEquals((await get(a!)).checkpointId, message.checkpointId);
});

Deno.test("saveCheckpoint() refuses one that is too large, and keeps the one before", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const save = (bytes: number) =>
    calls.unary(methods.saveCheckpoint, {
      serviceId: "svc",
      checkpointId: `${bytes}`,
      data: new Uint8Array(bytes),
    });
  await save(1);
  for (const bytes of [checkpointBytesMax + 1, 4 * checkpointBytesMax]) {
    const error = await rejection(save(bytes), Code.InvalidArgument);
    assertEquals(error.details[0]?.field, "data");
  }
  const { message } = await calls.unary(methods.getCheckpoint, {
    serviceId: "svc",
  });
  assertEquals(message.checkpointId, "1");
});

Deno.test("commitGroupOffset() raises a group's offset, and refuses members of another generation", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await register(node, "m1");
  await register(node, "m2");
  const join = async (serviceId: string) => {
    const { message } = await node.calls.unary(
      registryService.methods.joinGroup,
      {
        serviceId,
        groupId: "g",
      },
    );
    return message.generation;
  };
  const commit = async (offset: bigint, serviceId = "", generation = 0n) => {
    const { message } = await node.calls.unary(methods.commitGroupOffset, {
      groupId: "g",
      sourceId: "s",
      partition: 3,
      offset,
      serviceId,
      generation,
    });
    return message.success;
  };
  const error = await rejection(commit(5n, "m1", 1n), Code.NotFound);
  assert(error.message.includes('"g"'), error.message);
  const first = await join("m1");
  assertEquals(await commit(5n, "m1", first), true);
  assertEquals(await commit(4n, "m1", first), false);
  const second = await join("m2");
  assert(second > first);
  assertEquals(await commit(6n, "m1", first), false);
  assertEquals(await commit(6n, "m3", second), false);
  assertEquals(await commit(6n, "m1", second), true);
  assertEquals(await commit(7n), true);
  const offsets = async (sourceId?: string) => {
    const { message } = await node.calls.unary(methods.getGroupOffsets, {
      groupId: "g",
      sourceId,
    });
    return message.sourceOffsets;
  };
  assertEquals(await offsets(), { s: { offsets: { 3: 7n } } });
  assertEquals(await offsets("s"), { s: { offsets: { 3: 7n } } });
  assertEquals(await offsets("other"), {});
  // A group has its own: the source's stay as they are.
  assertEquals(await next(node), {});
});

Deno.test("getPipelineCheckpoints() tells all progress of a pipeline, and of no other", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const get = async () =>
    (await node.calls.unary(methods.getPipelineCheckpoints, {
      pipelineId: "orders",
    })).message;
  const error = await rejection(get(), Code.NotFound);
  assert(error.message.includes('"orders"'), error.message);
  await node.calls.unary(adminService.methods.createPipeline, {
    config: pipelineConfig(),
  });
  await register(node, "out-1");
  for (const serviceId of ["out-1", "other"]) {
    await node.calls.unary(methods.saveCheckpoint, {
      serviceId,
      checkpointId: `of ${serviceId}`,
      data: new Uint8Array([1]),
    });
  }
  await commit(node, 9n, 2, "in");
  await commit(node, 9n, 2, "other");
  await report(node, "in", 2, 50n);
  await report(node, "other", 2, 10n);
  const { serviceCheckpoints, sourceOffsets, watermarks } = await get();
  assertEquals(serviceCheckpoints.map(({ checkpointId }) => checkpointId), [
    "of out-1",
  ]);
  assertEquals(sourceOffsets, { in: { offsets: { 2: 9n } } });
  assertEquals(watermarks.map(({ sourceId }) => sourceId), ["in"]);
});
