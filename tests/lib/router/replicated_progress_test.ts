import { assertEquals } from "@std/assert";
import { commitOffsets } from "../../../lib/handlers/offset_changes.ts";
import { replicatedProgress } from "../../../lib/router/replicated_progress.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

Deno.test("replicatedProgress() tells where to go on behind the last commit, up to the last number there is", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated } = cluster.node(1);
  const progress = replicatedProgress(replicated);
  const { signal } = new AbortController();
  assertEquals(await progress.positions("ticks", signal), new Map());
  const highest = 2n ** 64n - 1n;
  await commitOffsets(replicated, [
    { sourceId: "ticks", partition: 0, offset: 6n },
    { sourceId: "ticks", partition: 3, offset: highest },
    { sourceId: "other", partition: 1, offset: 9n },
  ]);
  assertEquals(
    await progress.positions("ticks", signal),
    new Map([[0, 7n], [3, highest]]),
  );
});

Deno.test("replicatedProgress() knows the watermarks that were raised", async () => {
  await using cluster = await StateCluster.start(1);
  const progress = replicatedProgress(cluster.node(1).replicated);
  assertEquals(progress.watermark("ticks", 0), undefined);
  const timestamp = { seconds: 5n, nanos: 7 };
  await progress.raise([
    { sourceId: "ticks", partition: 0, position: 4n, timestamp },
  ]);
  const known = progress.watermark("ticks", 0);
  assertEquals([known?.position, known?.timestamp], [4n, timestamp]);
});
