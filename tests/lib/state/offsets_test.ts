import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { Machine, nodeNamed, serviceNamed } from "../../fixtures/machine.ts";

Deno.test("Offsets.commit() raises many at once and names those that are lower", () => {
  const machine = new Machine();
  machine.run({
    commitOffsets: {
      sources: [{ sourceId: "a", partitions: [0, 1], offsets: [10n, 10n] }],
    },
  });
  machine.atMs += 1;
  const { answer, events } = machine.run({
    commitOffsets: {
      sources: [
        { sourceId: "a", partitions: [0, 1, 2], offsets: [11n, 9n, 0n] },
        { sourceId: "b", partitions: [7], offsets: [2n ** 64n - 1n] },
        { sourceId: "a", partitions: [0, 1], offsets: [3n, 10n] },
      ],
    },
  });
  assertEquals(answer.offsets, { lower: [1, 4], fenced: [] });
  assertEquals(events, [
    { kind: "offsetsCommitted", sourceId: "a", partitions: [0, 2] },
    { kind: "offsetsCommitted", sourceId: "b", partitions: [7] },
  ]);
  const { offsets } = machine.state;
  assertEquals(
    offsets.list("a").map(({ partition, offset }) => [partition, offset]),
    [[0, 11n], [1, 10n], [2, 0n]],
  );
  assertEquals(offsets.get("a", 1)?.committedAtMs, machine.atMs - 1);
  assertEquals(offsets.get("b", 7)?.offset, 2n ** 64n - 1n);
  assertEquals(offsets.list("c"), []);
  assertEquals(offsets.size, 4);
});

Deno.test("Offsets.commit() refuses a command with one bad source as a whole", () => {
  const machine = new Machine();
  const good = { sourceId: "a", partitions: [0], offsets: [1n] };
  const refused = (source: typeof good) =>
    machine.refused({ commitOffsets: { sources: [good, source] } });
  assertEquals(refused({ ...good, sourceId: "" }).field, "source_id");
  assertEquals(refused({ ...good, partitions: [0, 1] }), {
    code: Code.InvalidArgument,
    field: "offsets",
    rule: "must have one entry for each of 2 partitions",
    found: '"1 entries"',
  });
});

Deno.test("Offsets.commit() takes what was pulled only from the node that owns the partition", () => {
  const machine = new Machine();
  for (const nodeId of [1, 2]) machine.run({ registerNode: nodeNamed(nodeId) });
  const { nodes, offsets } = machine.state;
  const partitions = Array.from({ length: 32 }, (_, at) => at);
  const commit = (nodeId: number, pullGeneration: number, offset: bigint) =>
    machine.run({
      commitOffsets: {
        nodeId,
        sources: [{
          sourceId: "a",
          partitions,
          offsets: partitions.map(() => offset),
          pullGeneration,
        }],
      },
    }).answer.offsets!.fenced;
  const others = (nodeId: number) =>
    partitions.filter((partition) =>
      nodes.pullOwner("a", partition)!.nodeId !== nodeId
    );
  const { generation } = nodes;
  assertEquals(commit(1, generation, 5n), others(1));
  assertEquals(commit(2, generation, 6n), others(2));
  assertEquals(others(1).length + others(2).length, partitions.length);
  for (const nodeId of [1, 2]) {
    assert(others(nodeId).length > 0, `node ${nodeId} owns all`);
    assertEquals(commit(nodeId, generation - 1, 7n), partitions);
    assertEquals(commit(nodeId, generation + 1, 7n), partitions);
  }
  // What was pushed may come by any node.
  assertEquals(commit(1, 0, 8n), []);
  assertEquals(new Set(offsets.list("a").map(({ offset }) => offset)).size, 1);
});

Deno.test("Offsets.commit() takes what was pulled of a source as a whole from the owner of partition 0", () => {
  const machine = new Machine();
  for (const nodeId of [1, 2]) machine.run({ registerNode: nodeNamed(nodeId) });
  machine.run({ registerService: { service: serviceNamed("a") } });
  const { generation } = machine.state.nodes;
  const owner = machine.state.nodes.pullOwner("a", 0)!.nodeId;
  const partitions = [0, 1, 2, 3, 4, 5, 6, 7];
  const fenced = (nodeId: number) =>
    machine.run({
      commitOffsets: {
        nodeId,
        sources: [{
          sourceId: "a",
          partitions,
          offsets: partitions.map(() => 1n),
          pullGeneration: generation,
        }],
      },
    }).answer.offsets!.fenced;
  assertEquals(fenced(3 - owner), partitions);
  assertEquals(fenced(owner), []);
});
