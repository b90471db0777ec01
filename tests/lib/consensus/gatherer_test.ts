import { assert, assertEquals } from "@std/assert";
import { Gatherer } from "../../../lib/consensus/gatherer.ts";
import type { ReplicatedState } from "../../../lib/consensus/replicated_state.ts";
import { Code } from "../../../lib/errors.ts";
import {
  commitOffsets,
  type OffsetCommit,
  type OffsetOutcome,
} from "../../../lib/handlers/offset_changes.ts";
import { idCharsMax } from "../../../lib/limits.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

const { signal } = new AbortController();

function offsetGatherer(
  replicated: ReplicatedState,
): Gatherer<OffsetCommit, OffsetOutcome> {
  return new Gatherer((commits) => commitOffsets(replicated, commits));
}

Deno.test("add() tells each caller of its own change, whatever else goes in the command", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated } = cluster.node(1);
  const gatherer = offsetGatherer(replicated);
  const commits: [string, number, bigint, OffsetOutcome][] = [
    ["a", 0, 5n, "committed"],
    ["b", 0, 7n, "committed"],
    ["a", 0, 4n, "lower"],
    ["a", 1, 2n ** 64n - 1n, "committed"],
    ["b", 0, 7n, "committed"],
    ["b", 0, 6n, "lower"],
    ["a", 0, 6n, "committed"],
  ];
  const outcomes = await Promise.all(
    commits.map(([sourceId, partition, offset]) =>
      gatherer.add({ sourceId, partition, offset }, signal)
    ),
  );
  assertEquals(outcomes, commits.map(([, , , expected]) => expected));
  const { offsets } = replicated.state;
  assertEquals(offsets.get("a", 0)?.offset, 6n);
  assertEquals(offsets.get("a", 1)?.offset, 2n ** 64n - 1n);
  assertEquals(offsets.get("b", 0)?.offset, 7n);
});

Deno.test("add() makes few commands of many changes", async () => {
  await using cluster = await StateCluster.start(3);
  const { replicated } = cluster.node(await cluster.follower());
  let commands = 0;
  const gatherer = new Gatherer((commits: readonly OffsetCommit[]) => {
    commands++;
    return commitOffsets(replicated, commits);
  });
  const commits = Array.from({ length: 5_000 }, (_, at) =>
    gatherer.add({
      sourceId: `s${at % 10}`,
      partition: at % 7,
      offset: BigInt(at),
    }, new AbortController().signal));
  await Promise.all(commits);
  assert(commands <= 3, `${commands} commands`);
});

Deno.test("add() of what is refused fails alone", async () => {
  await using cluster = await StateCluster.start(1);
  const gatherer = offsetGatherer(cluster.node(1).replicated);
  const commit = (sourceId: string): Promise<OffsetOutcome> =>
    gatherer.add({ sourceId, partition: 0, offset: 1n }, signal);
  const first = commit("first");
  const refused = rejection(
    commit("x".repeat(idCharsMax + 1)),
    Code.InvalidArgument,
  );
  const others = ["a", "b"].map(commit);
  const all = await Promise.all([first, ...others]);
  assertEquals(new Set(all), new Set<OffsetOutcome>(["committed"]));
  const error = await refused;
  assertEquals(error.details[0]?.field, "source_id");
});

Deno.test("add() waits no longer than its signal allows", async () => {
  await using cluster = await StateCluster.start(3);
  const leader = await cluster.raft.leader();
  const gatherer = offsetGatherer(cluster.node(leader).replicated);
  cluster.raft.isolate(leader);
  const end = new AbortController();
  const waiting = gatherer.add(
    { sourceId: "a", partition: 0, offset: 1n },
    end.signal,
  );
  end.abort();
  await rejection(waiting, Code.Canceled);
});
