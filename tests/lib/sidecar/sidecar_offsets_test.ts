import { assert, assertEquals } from "@std/assert";
import type { PartitionOffset } from "../../../lib/delivery/ports.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import {
  sidecarCommitsAtOnce,
  sidecarSourcesKeptMax,
} from "../../../lib/limits.ts";
import {
  type OffsetsClient,
  SidecarOffsets,
} from "../../../lib/sidecar/sidecar_offsets.ts";

const { signal } = new AbortController();

/** A cluster that knows where every source goes on, unless it is away. */
class Cluster implements OffsetsClient {
  readonly next: Map<number, bigint> = new Map([[0, 8n], [3, 1n]]);
  readonly committed: string[] = [];
  away = false;
  atOnce = 0;
  atOnceMost = 0;

  resumePositions(): Promise<Map<number, bigint>> {
    return this.away
      ? Promise.reject(new ConveyorError(Code.Unavailable, "away"))
      : Promise.resolve(this.next);
  }

  async commitOffset(
    sourceId: string,
    partition: number,
    offset: bigint,
  ): Promise<boolean> {
    this.atOnceMost = Math.max(this.atOnceMost, ++this.atOnce);
    await Promise.resolve();
    this.atOnce--;
    this.committed.push(`${sourceId}/${partition} ${offset}`);
    return true;
  }
}

Deno.test("SidecarOffsets knows what is committed of a source that was asked for: all before what comes next", async () => {
  const raised: PartitionOffset[] = [];
  const offsets = new SidecarOffsets(
    new Cluster(),
    (offset) => raised.push(offset),
  );
  assertEquals(offsets.committed("a", 0), undefined);
  assertEquals((await offsets.positions("a", signal)).get(0), 8n);
  const committed = [0, 1, 3].map((each) => offsets.committed("a", each));
  assertEquals(committed, [7n, undefined, 0n]);
  assertEquals(raised, [
    { sourceId: "a", partition: 0, offset: 7n },
    { sourceId: "a", partition: 3, offset: 0n },
  ]);
});

Deno.test("SidecarOffsets lets a source begin without the cluster", async () => {
  const cluster = new Cluster();
  cluster.away = true;
  const offsets = new SidecarOffsets(cluster, () => {});
  await offsets.expect("a", signal);
  assertEquals(offsets.committed("a", 0), undefined);
  cluster.away = false;
  await offsets.expect("a", signal);
  assertEquals(offsets.committed("a", 0), 7n);
});

Deno.test("SidecarOffsets forgets the source that was asked for longest ago", async () => {
  const offsets = new SidecarOffsets(new Cluster(), () => {});
  await offsets.positions("first", signal);
  for (let at = 1; at < sidecarSourcesKeptMax; at++) {
    await offsets.positions(`s${at}`, signal);
  }
  await offsets.positions("first", signal);
  await offsets.positions("more", signal);
  const known = ["first", "s1", "s2", "more"].map((id) =>
    offsets.committed(id, 0) !== undefined
  );
  assertEquals(known, [true, false, true, true]);
});

Deno.test("SidecarOffsets.commit() commits all, so many at a time", async () => {
  const cluster = new Cluster();
  const offsets = new SidecarOffsets(cluster, () => {});
  const count = 2 * sidecarCommitsAtOnce + 1;
  await offsets.commit(
    Array.from({ length: count }, (_, at) => ({
      sourceId: "a",
      partition: at,
      offset: BigInt(at),
    })),
  );
  assertEquals(cluster.committed.length, count);
  assert(cluster.committed.includes(`a/${count - 1} ${count - 1}`));
  assertEquals(cluster.atOnceMost, sidecarCommitsAtOnce);
});
