import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { checkpointService } from "../../../lib/handlers/checkpoint_handler.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { StateCluster, type StateNode } from "../../fixtures/state_cluster.ts";

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
