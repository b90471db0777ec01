/**
 * How many entries a second three nodes commit in one process, each with a real KV file, when 256
 * clients each have one proposal of 256 bytes under way: core, driver and store, without a network.
 */
import { openKvStore } from "../../lib/storage/open_kv_store.ts";
import { encodeKvCommand, KvMachine } from "../fixtures/kv_machine.ts";
import { MetadataCluster } from "../fixtures/metadata_cluster.ts";

const clients = 256;
const warmUpMs = 500;
const value = "x".repeat(256);

/** Entries a second over `ms`. */
export async function diskRate(ms: number): Promise<number> {
  const directory = await Deno.makeTempDir({ prefix: "disk-rate-" });
  try {
    await using cluster = await MetadataCluster.start<unknown, KvMachine>(
      3,
      () => new KvMachine(),
      { heartbeatIntervalMs: 100, electionTimeoutMs: 1_000 },
      (identity, first) =>
        openKvStore({
          directory: `${directory}/${identity.nodeId}`,
          identity,
          ...(first === undefined ? {} : { first }),
        }),
    );
    const { signal } = new AbortController();
    const metadata = cluster.metadata(await cluster.leader());
    let written = 0;
    let stopped = false;
    const writing = Array.from({ length: clients }, async (_, client) => {
      const command = encodeKvCommand({ op: "put", key: `${client}`, value });
      while (!stopped) {
        const requestId = crypto.getRandomValues(new Uint8Array(16));
        await metadata.propose(command, { requestId, signal });
        written++;
      }
    });
    await sleep(warmUpMs);
    const before = written;
    const from = performance.now();
    await sleep(ms);
    const rate = (written - before) / (performance.now() - from) * 1_000;
    stopped = true;
    await Promise.all(writing);
    return rate;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
