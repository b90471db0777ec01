import { assertEquals, assertRejects } from "@std/assert";
import type { CheckpointClient } from "../../../clients/checkpoint_client.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { ClusterProgress } from "../../../lib/sidecar/cluster_progress.ts";

const watermark = (position: bigint) => ({
  sourceId: "ticks",
  partition: 2,
  position,
  timestamp: { seconds: 5n, nanos: 0 },
});

Deno.test("ClusterProgress knows the watermarks that the cluster has taken, and no others", async () => {
  const told: bigint[] = [];
  let isAway = true;
  const progress = new ClusterProgress(
    { positions: () => Promise.resolve(new Map([[2, 7n]])) },
    {
      reportWatermark: (
        { position }: Parameters<CheckpointClient["reportWatermark"]>[0],
      ) => {
        if (isAway) {
          throw new ConveyorError(Code.Unavailable, "the cluster is away");
        }
        told.push(position!);
        return Promise.resolve({ accepted: true });
      },
    } as Pick<CheckpointClient, "reportWatermark">,
  );
  const { signal } = new AbortController();
  assertEquals(await progress.positions("ticks", signal), new Map([[2, 7n]]));
  await assertRejects(() => progress.raise([watermark(3n)]), ConveyorError);
  assertEquals(progress.watermark("ticks", 2), undefined);
  isAway = false;
  await progress.raise([watermark(3n), watermark(4n)]);
  assertEquals(told, [3n, 4n]);
  assertEquals(progress.watermark("ticks", 2), watermark(4n));
  assertEquals(progress.watermark("ticks", 1), undefined);
});
