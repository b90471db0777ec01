/**
 * Goal: of three routers one pulls each partition of a source; when one dies the others take over what
 * it pulled within its lease and an election, and no record that was acknowledged is lost; when it is
 * back it gets a share again, without a record being written twice.
 * Method: `server.ts` in three processes, the leader killed without a word; a source in this one that
 * counts who pulls from it and forgets what is acknowledged, and a sink.
 * Without leak checks: grpc-js leaves the backoff timer of a node that went away.
 */
import { assert, assertEquals } from "@std/assert";
import { AdminClient, ClusterClient, SourceClient } from "@conveyor/grpc";
import {
  AckStatus,
  type RecordAck,
  serveSink,
  serveSource,
  type SourceHandlers,
} from "@conveyor/grpc/connector";
import { nodeLeaseMs } from "../../lib/limits.ts";
import { RouterCluster } from "../fixtures/router_cluster.ts";
import { Consumer, pulledLine } from "../fixtures/consumer.ts";
import { line, numberOf, numbers } from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

const partitions = 12;
/** An election takes up to this, with its repetitions on a busy machine. */
const electionMs = 8_000;

/** Records without end, of which those that were acknowledged are forgotten. */
class Forgetful implements SourceHandlers {
  readonly partitions: number = partitions;
  /** Calls under way by partition, and the most there were at a time. */
  readonly pulls: number[] = Array(partitions).fill(0);
  mostAtATime = 0;
  /** How often a pull began. */
  begun = 0;
  /** The last number that each partition has. */
  last = 0;
  readonly #acked = new Set<string>();

  get acked(): ReadonlySet<string> {
    return this.#acked;
  }

  pull: SourceHandlers["pull"] = async function* (
    this: Forgetful,
    { sourceId, partitions: [partition = 0], signal }: Parameters<
      SourceHandlers["pull"]
    >[0],
  ) {
    this.begun++;
    this.mostAtATime = Math.max(this.mostAtATime, ++this.pulls[partition]!);
    try {
      for (let n = 1; !signal.aborted;) {
        if (n > this.last) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          continue;
        }
        const sequenceNumber = BigInt(n++);
        if (this.#acked.has(`${partition}/${sequenceNumber}`)) continue;
        yield { id: { sourceId, partition, sequenceNumber } };
      }
    } finally {
      this.pulls[partition]!--;
    }
  }.bind(this);

  acknowledge = (acks: readonly RecordAck[]): void => {
    for (const { recordId, status } of acks) {
      if (status === AckStatus.Rejected) continue;
      this.#acked.add(`${recordId?.partition}/${recordId?.sequenceNumber}`);
    }
  };
}

Deno.test({
  name:
    "what a router pulled is pulled by others when it dies, and nothing acknowledged is lost",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using cluster = await RouterCluster.start();
    const source = new Forgetful();
    const stored = new Map<string, number>();
    const register = (name: string) => ({
      address: "127.0.0.1:0",
      signals: false,
      register: {
        router: cluster.urls,
        service: { serviceId: `${name}-1`, name },
        heartbeatIntervalMs: 500,
      },
    });
    await using _sink = await serveSink(({ id }) => {
      const key = `${id?.partition}/${id?.sequenceNumber}`;
      stored.set(key, (stored.get(key) ?? 0) + 1);
    }, register("store"));
    await using _source = await serveSource(source, register("numbers"));
    {
      await using admin = await AdminClient.connect(cluster.urls);
      await admin.createPipeline(line("store"));
    }
    const allPulled = () => source.pulls.every((pulls) => pulls === 1);
    const allAcked = () => source.acked.size === partitions * source.last;
    await until(allPulled);
    source.last = 1_000;
    await until(allAcked);
    const twice = () => [...stored.values()].filter((n) => n > 1).length;
    assertEquals([stored.size, twice()], [partitions * 1_000, 0]);

    const led = await leaderOf(cluster);
    source.last = 2_000;
    await until(() => source.acked.size > partitions * 1_100);
    await led.kill();
    const killedMs = performance.now();
    await until(() => !allPulled());
    await until(allPulled);
    const tookMs = performance.now() - killedMs;
    assert(tookMs < nodeLeaseMs + electionMs, `it took ${tookMs} ms`);
    await until(allAcked);
    assertEquals(stored.size, partitions * 2_000);

    const { begun } = source;
    led.start();
    await led.ready();
    await until(() => source.begun > begun && allPulled());
    source.last = 3_000;
    await until(allAcked);
    assertEquals(stored.size, partitions * 3_000);
    assertEquals(source.mostAtATime, 1);
  },
});

async function leaderOf(cluster: RouterCluster) {
  await using members = await ClusterClient.connect(cluster.urls);
  const { leader } = await members.listNodes();
  return cluster.nodes.find(({ id }) => BigInt(id) === leader?.nodeId)!;
}

Deno.test({
  name:
    "a consumer pulls from any router what all of them have, and acks reach where they are due",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using cluster = await RouterCluster.start();
    {
      await using admin = await AdminClient.connect(cluster.urls);
      await admin.createPipeline(pulledLine());
    }
    await using consumer = await Consumer.connect(cluster.urls[1]!);
    const pushed = Promise.all(cluster.urls.map(async (url, at) => {
      await using source = await SourceClient.connect(url, "numbers");
      const records = numbers(100)
        .map((record) => ({ ...record, id: { ...record.id, partition: at } }));
      return await source.push(records);
    }));
    const seen = new Map<number, number[]>();
    for (let records = 0; records < 300;) {
      const batch = (await consumer.next())!;
      for (const record of batch.records) {
        const { partition } = record.id!;
        seen.set(partition, [...seen.get(partition) ?? [], numberOf(record)]);
      }
      records += batch.records.length;
      assertEquals(
        await consumer.acknowledge(batch),
        BigInt(batch.records.length),
      );
    }
    assertEquals([...seen.keys()].sort(), [0, 1, 2]);
    for (const values of seen.values()) {
      assertEquals(values, numbers(100).map((_, at) => at + 1));
    }
    for (const outcomes of await pushed) {
      assert(outcomes.every(({ status }) => status === AckStatus.Accepted));
    }
  },
});
