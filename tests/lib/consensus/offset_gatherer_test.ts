import { assert, assertEquals } from "@std/assert";
import { OffsetGatherer } from "../../../lib/consensus/offset_gatherer.ts";
import { Code } from "../../../lib/errors.ts";
import { idCharsMax } from "../../../lib/limits.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

const { signal } = new AbortController();

Deno.test("commit() tells each caller of its own offset, whatever else goes in the command", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated } = cluster.node(1);
  const gatherer = new OffsetGatherer(replicated);
  const commits: [string, number, bigint, boolean][] = [
    ["a", 0, 5n, true],
    ["b", 0, 7n, true],
    ["a", 0, 4n, false],
    ["a", 1, 2n ** 64n - 1n, true],
    ["b", 0, 7n, true],
    ["b", 0, 6n, false],
    ["a", 0, 6n, true],
  ];
  const stands = await Promise.all(
    commits.map(([sourceId, partition, offset]) =>
      gatherer.commit({ sourceId, partition, offset }, signal)
    ),
  );
  assertEquals(stands, commits.map(([, , , expected]) => expected));
  const { offsets } = replicated.state;
  assertEquals(offsets.get("a", 0)?.offset, 6n);
  assertEquals(offsets.get("a", 1)?.offset, 2n ** 64n - 1n);
  assertEquals(offsets.get("b", 0)?.offset, 7n);
});

Deno.test("commit() makes few commands of many commits", async () => {
  await using cluster = await StateCluster.start(3);
  const { replicated } = cluster.node(await cluster.follower());
  const gatherer = new OffsetGatherer(replicated);
  await replicated.upToDate();
  const before = replicated.metadata.status().commit;
  const commits = Array.from({ length: 5_000 }, (_, at) =>
    gatherer.commit({
      sourceId: `s${at % 10}`,
      partition: at % 7,
      offset: BigInt(at),
    }, new AbortController().signal));
  await Promise.all(commits);
  const entries = replicated.metadata.status().commit - before;
  assert(entries <= 3, `${entries} entries`);
});

Deno.test("commit() of what is refused fails alone", async () => {
  await using cluster = await StateCluster.start(1);
  const gatherer = new OffsetGatherer(cluster.node(1).replicated);
  const commit = (sourceId: string): Promise<boolean> =>
    gatherer.commit({ sourceId, partition: 0, offset: 1n }, signal);
  const first = commit("first");
  const refused = rejection(
    commit("x".repeat(idCharsMax + 1)),
    Code.InvalidArgument,
  );
  const others = ["a", "b"].map(commit);
  assertEquals(await Promise.all([first, ...others]), [true, true, true]);
  const error = await refused;
  assertEquals(error.details[0]?.field, "source_id");
});

Deno.test("commit() waits no longer than its signal allows", async () => {
  await using cluster = await StateCluster.start(3);
  const leader = await cluster.raft.leader();
  const gatherer = new OffsetGatherer(cluster.node(leader).replicated);
  cluster.raft.isolate(leader);
  const end = new AbortController();
  const waiting = gatherer.commit(
    { sourceId: "a", partition: 0, offset: 1n },
    end.signal,
  );
  end.abort();
  await rejection(waiting, Code.Canceled);
});
