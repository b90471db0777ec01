/**
 * Raft messages from one process to another: how many a second, in batches of what a busy turn sends,
 * and how long one takes there and back. Run: deno run -A tests/bench/transport_bench.ts
 */
import process from "node:process";
import { draft } from "../../lib/raft/message.ts";
import type { Message } from "../../lib/raft/types.ts";
import { Child } from "../fixtures/child.ts";
import { append, heartbeat } from "../fixtures/raft_messages.ts";
import { RaftPeer } from "../fixtures/raft_peer.ts";

/** Node 1 here, and node 2 in a process that answers heartbeats. */
class Pair implements AsyncDisposable {
  readonly #one: RaftPeer;
  readonly #child: Child;
  #asked = 0;

  private constructor(one: RaftPeer, child: Child) {
    this.#one = one;
    this.#child = child;
  }

  static async start(): Promise<Pair> {
    const one = await RaftPeer.start(1);
    const echo = new URL("../fixtures/raft_echo.ts", import.meta.url);
    const child = new Child(echo, one.url);
    one.transport.setPeers(new Map([[2, await child.line()]]));
    return new Pair(one, child);
  }

  /** Sends a heartbeat and waits for the other side's. */
  async roundTrip(): Promise<void> {
    const commit = ++this.#asked;
    const { received, transport } = this.#one;
    transport.send([heartbeat(1, 2, commit)]);
    await this.#one.until(() => received.at(-1)?.commit === commit);
    received.length = 0;
  }

  /** Sends a batch so often, with `underWay` of them on the way at most. */
  async stream(
    batch: readonly Message[],
    count: number,
    underWay: number,
  ): Promise<void> {
    for (let sent = 1; sent <= count; sent++) {
      this.#one.transport.send(batch);
      if (sent % underWay === 0) await this.roundTrip();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    await this.#one[Symbol.asyncDispose]();
  }
}

/** The middle of three runs of `work`: seconds by the clock, and of this process's CPU. */
async function timed(
  work: () => Promise<void>,
): Promise<{ readonly seconds: number; readonly cpuSeconds: number }> {
  const runs: { seconds: number; cpuSeconds: number }[] = [];
  await work();
  while (runs.length < 3) {
    const start = performance.now();
    const cpuStart = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(cpuStart);
    runs.push({
      seconds: (performance.now() - start) / 1e3,
      cpuSeconds: (user + system) / 1e6,
    });
  }
  return runs.sort((one, other) => one.seconds - other.seconds)[1]!;
}

function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

if (import.meta.main) {
  await using pair = await Pair.start();
  await pair.roundTrip();

  const acks = Array.from({ length: 100 }, (_, at): Message => ({
    ...draft("MsgAppResp", 1, 2, 12),
    index: 1_000_000 + at,
  }));
  const small = await timed(() => pair.stream(acks, 2_000, 20));
  say(
    `200,000 acks in batches of 100: ${
      Math.round(200_000 / small.seconds)
    } messages/s, ${
      Math.round(200_000 / small.cpuSeconds)
    } a second of CPU time of the sender; bar 100000`,
  );

  const entries = append(1, 2, 1_000_000, 64, 256);
  const large = await timed(() => pair.stream([entries], 2_000, 100));
  say(
    `2,000 appends of 64 entries of 256 B: ${
      Math.round(128_000 / large.seconds)
    } entries/s, ${
      Math.round(128_000 / large.cpuSeconds)
    } a second of CPU time of the sender`,
  );

  const trips = await timed(async () => {
    for (let i = 0; i < 1_000; i++) await pair.roundTrip();
  });
  say(`there and back: ${Math.round(trips.seconds * 1e3)} µs`);
}
