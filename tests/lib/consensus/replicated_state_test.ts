import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { until } from "../../fixtures/metadata_cluster.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

function commit(offset: bigint): {
  commitOffsets: {
    sources: { sourceId: string; partitions: number[]; offsets: bigint[] }[];
  };
} {
  return {
    commitOffsets: {
      sources: [{ sourceId: "s", partitions: [0], offsets: [offset] }],
    },
  };
}

Deno.test("change() shows on the node that asked, and everywhere soon", async () => {
  await using cluster = await StateCluster.start(3);
  for (const [at, id] of cluster.ids.entries()) {
    const { replicated } = cluster.node(id);
    await replicated.change("commit", commit(BigInt(at + 1)));
    assertEquals(replicated.state.offsets.get("s", 0)?.offset, BigInt(at + 1));
  }
  await until(() =>
    cluster.ids.every((id) =>
      cluster.node(id).replicated.state.offsets.get("s", 0)?.offset === 3n
    )
  );
});

Deno.test("upToDate() shows on every node what was answered on another", async () => {
  await using cluster = await StateCluster.start(3);
  for (let offset = 1n; offset <= 20n; offset++) {
    const [writer, reader] = [1 + Number(offset % 3n), 1 + Number(offset % 2n)];
    await cluster.node(writer).replicated.change("commit", commit(offset));
    const state = await cluster.node(reader).replicated.upToDate();
    assertEquals(state.offsets.get("s", 0)?.offset, offset);
  }
});

Deno.test("change() turns a refusal into an error that says what could not be done and why", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated } = cluster.node(1);
  const error = await rejection(
    replicated.change('enable pipeline "p"', {
      setPipelineEnabled: { pipelineId: "p", enabled: true },
    }),
    Code.NotFound,
  );
  assert(
    error.message.startsWith('Cannot enable pipeline "p": '),
    error.message,
  );
  assert(error.message.includes('"p"'), error.message);
  assertEquals(error.details[0]?.field, "pipeline_id");
});

Deno.test("change() with the caller's id is carried out once on whichever node it is repeated", async () => {
  await using cluster = await StateCluster.start(3);
  const requestId = crypto.getRandomValues(new Uint8Array(16));
  const create = {
    createPipeline: { pipelineId: "p", config: new Uint8Array([1]) },
  };
  for (const id of [1, 2, 3, 1]) {
    const { replicated } = cluster.node(id);
    const { pipeline } = await replicated.change(
      "a",
      create,
      undefined,
      requestId,
    );
    assertEquals(pipeline?.version, 1);
  }
  const { replicated } = cluster.node(1);
  await rejection(replicated.change("a", create), Code.AlreadyExists);
});

Deno.test("change() takes another command under the same id as another request", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated } = cluster.node(1);
  const requestId = new Uint8Array(16);
  for (const offset of [5n, 6n]) {
    await replicated.change("commit", commit(offset), undefined, requestId);
  }
  assertEquals(replicated.state.offsets.get("s", 0)?.offset, 6n);
});
