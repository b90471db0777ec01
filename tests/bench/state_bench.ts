// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * What the replicated state costs: commands of mixed kinds applied one after the other, memory of a
 * million partition offsets, and a snapshot of 100,000 services, 10,000 pipelines and those offsets,
 * drawn while commands are applied.
 *
 * Exits with 1 when a snapshot takes 2 s or a pause of the event loop 50 ms of the processor, in each
 * of three snapshots, or 10,000 leases 10 % of a core. Of the processor, as a pause that others on the
 * machine make is none of ours; by the clock it is printed beside.
 *
 * `deno task bench:state [--commands 1000000]`
 */
import { parseArgs } from "@std/cli";
import { LeaseTable } from "../../lib/registry/lease.ts";
import { encodeCommand } from "../../lib/state/command.ts";
import { State } from "../../lib/state/state.ts";
import { LeaseKind } from "../../proto/messages/state.ts";
import { configOf, nodeNamed, serviceNamed } from "../fixtures/machine.ts";
import {
  at,
  below,
  commitOffsets,
  mix,
  roles,
} from "./state/mixed_commands.ts";
import { Pauses } from "./state/pauses.ts";

const snapshotMsMax = 2_000;
const pauseMsMax = 50;
const leaseShareMax = 0.1;
/** Commands that are applied between two chunks, of each snapshot. */
const commandsAChunk = [0, 100, 100];

function memoryMb(): string {
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed, external } = Deno.memoryUsage();
  const mb = (bytes: number) => Math.round(bytes / 1e6);
  return `heap ${mb(heapUsed)} MB, buffers ${mb(external)} MB, rss ${
    mb(rss)
  } MB`;
}

function apply(state: State, commands: readonly Uint8Array[]): void {
  for (const command of commands) state.apply(command, at());
}

function mixed(count: number): void {
  const state = new State();
  const kinds = mix.flatMap(([share, , make]) =>
    Array.from({ length: share }, () => make)
  );
  for (let i = 0; i < 100; i++) {
    const pipelineId = `pipeline-${i}`;
    const config = configOf(roles.map((role, stage) => ({
      id: role,
      service: `${role}-${i}`,
      type: stage + 1,
    })));
    state.apply(
      encodeCommand({ createPipeline: { pipelineId, config, enabled: true } }),
      at(),
    );
  }
  const batch = 10_000;
  const pauses = new Pauses();
  for (let done = 0; done < count; done += batch) {
    const commands = Array.from(
      { length: batch },
      () => encodeCommand(kinds[below(100)]!()),
    );
    for (const command of commands) {
      pauses.during(() => state.apply(command, at()));
    }
  }
  console.log(
    `${count} mixed commands: ${
      Math.round(count / pauses.tookMs * 1000)
    }/s, the longest ${pauses.longest}, ${memoryMb()}`,
  );
  for (const [, name, make] of mix) {
    const commands = Array.from({ length: 5_000 }, () => encodeCommand(make()));
    const all = new Pauses();
    all.during(() => apply(state, commands));
    console.log(`  ${name}: ${(all.tookMs / 5).toFixed(1)} us each`);
  }
}

/** A million partitions over sources of `each` partitions. */
function manyOffsets(state: State, each: number): void {
  for (let source = 0; source < 1_000_000 / each; source++) {
    for (let from = 0; from < each; from += 1_000) {
      const partitions = Array.from(
        { length: Math.min(1_000, each - from) },
        (_, i) => from + i,
      );
      state.apply(
        encodeCommand({
          commitOffsets: {
            sources: [{
              sourceId: `source-${source}`,
              partitions,
              offsets: partitions.map((p) => 2n ** 40n + BigInt(p * source)),
            }],
          },
        }),
        at(),
      );
    }
  }
}

function bigState(): State {
  const state = new State();
  manyOffsets(state, 10);
  console.log(`1000000 offsets of 100000 sources: ${memoryMb()}`);
  for (let i = 0; i < 100_000; i++) {
    const service = serviceNamed(`service-${i}`, {
      identity: { name: `name-${i % 500}` },
      metadata: { labels: { zone: `zone-${i % 9}`, pod: `pod-${i}` } },
    });
    state.apply(encodeCommand({ registerService: { service } }), at());
  }
  for (let i = 0; i < 10_000; i++) {
    const config = configOf(
      Array.from({ length: 6 }, (_, stage) => ({
        id: `stage-${stage}`,
        service: `name-${(i + stage) % 500}`,
        labels: { zone: `zone-${i % 9}` },
      })),
    );
    const pipelineId = `pipeline-${i}`;
    state.apply(
      encodeCommand({ createPipeline: { pipelineId, config, enabled: true } }),
      at(),
    );
  }
  for (const nodeId of [1, 2, 3]) {
    state.apply(encodeCommand({ registerNode: nodeNamed(nodeId) }), at());
  }
  return state;
}

interface Drawn {
  readonly chunks: readonly Uint8Array[];
  readonly pauses: Pauses;
}

/** Draws a snapshot, a chunk a turn, with commands applied between chunks. */
function drawn(state: State, commands: number): Drawn {
  const chunks: Uint8Array[] = [];
  const pauses = new Pauses();
  const iterator = state.snapshot()[Symbol.iterator]();
  for (;;) {
    const { done, value } = pauses.during(() => iterator.next());
    if (done) break;
    chunks.push(value);
    apply(
      state,
      Array.from(
        { length: commands },
        () => encodeCommand(commitOffsets()),
      ),
    );
  }
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
  console.log(
    `snapshot with ${commands} commands a chunk, ${chunks.length} ` +
      `chunks, ${(bytes / 1e6).toFixed(1)} MB: ${pauses.took} ` +
      `(bar ${snapshotMsMax}), longest pause ${pauses.longest} ` +
      `(bar ${pauseMsMax})`,
  );
  return { chunks, pauses };
}

/** Whether the bars of snapshots are reached. */
function snapshots(state: State): boolean {
  const all = commandsAChunk.map((commands) => drawn(state, commands));
  const restoration = new State().restoring();
  const restored = new Pauses();
  for (const chunk of all.at(-1)!.chunks) {
    restored.during(() => restoration.push(chunk));
  }
  restored.during(() => restoration.finish());
  console.log(
    `restore: ${restored.took}, longest pause ${restored.longest}, ${memoryMb()}`,
  );
  const least = (of: (pauses: Pauses) => number): number =>
    Math.min(...all.map(({ pauses }) => of(pauses)));
  return least(({ cpuMs }) => cpuMs) < snapshotMsMax &&
    least(({ longestCpuMs }) => longestCpuMs) <= pauseMsMax;
}

/** Whether the bar of leases is: 10,000 holders that each renew every 5 s, with four sweeps a second. */
function leases(): boolean {
  const table = new LeaseTable();
  const holders = Array.from({ length: 10_000 }, (_, i) => {
    const id = `service-${i}`;
    return { kind: LeaseKind.Service, id, registrationId: `${id}-r` };
  });
  for (const lease of holders) {
    table.follow({ kind: "leaseStarted", lease, ttlMs: 15_000 }, 0);
  }
  const pauses = new Pauses();
  for (let second = 0; second < 5; second++) {
    pauses.during(() => {
      for (let i = second; i < holders.length; i += 5) {
        table.renew(holders[i]!, second * 1_000);
      }
      for (let sweep = 0; sweep < 4; sweep++) table.due(second * 1_000, 1_000);
    });
  }
  const share = pauses.cpuMs / 5_000;
  console.log(
    `10000 leases renewed every 5 s: ${(share * 100).toFixed(2)} % of a core ` +
      `(bar ${100 * leaseShareMax})`,
  );
  return share < leaseShareMax;
}

if (import.meta.main) {
  const { commands } = parseArgs(Deno.args, {
    default: { commands: 1_000_000 },
  });
  const light = leases();
  mixed(Number(commands));
  console.log(`before: ${memoryMb()}`);
  const one = new State();
  manyOffsets(one, 1_000_000);
  console.log(`1000000 offsets of one source: ${memoryMb()}`);
  const state = bigState();
  console.log(`with 100000 services and 10000 pipelines: ${memoryMb()}`);
  const quick = snapshots(state);
  if (!light || !quick) Deno.exit(1);
}
