/**
 * How many entries a second three nodes commit in one process, each with a real KV file, when 256
 * clients each have one proposal of 256 bytes under way: core, driver and store, without a network.
 */
import type { StateMachine } from "../../lib/consensus/state_machine.ts";
import { openKvStore } from "../../lib/storage/open_kv_store.ts";
import { MetadataCluster } from "../fixtures/metadata_cluster.ts";

const clients = 256;
const warmUpMs = 500;
const command = new Uint8Array(256).fill(7);
const noBytes = new Uint8Array(0);

/** Takes everything and holds nothing: what is left is consensus. */
const machine: StateMachine = {
  apply: () => ({ answer: noBytes, events: [] }),
  snapshot: () => [],
  restoring: () => ({ push: () => {}, finish: () => {} }),
};

/** Entries a second over `ms`. */
export async function diskRate(ms: number): Promise<number> {
  const directory = await Deno.makeTempDir({ prefix: "disk-rate-" });
  try {
    await using cluster = await MetadataCluster.start<unknown, StateMachine>(
      3,
      () => machine,
      { heartbeatIntervalMs: 100, electionTimeoutMs: 1_000 },
      (identity, first) =>
        openKvStore({
          directory: `${directory}/${identity.nodeId}`,
          identity,
          ...(first === undefined ? {} : { first }),
        }),
    );
    const metadata = cluster.metadata(await cluster.leader());
    let written = 0;
    let stopped = false;
    const writing = Array.from({ length: clients }, async () => {
      const { signal } = new AbortController();
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
