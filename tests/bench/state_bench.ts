/**
 * What the replicated state costs: commands of mixed kinds applied one after the other, memory of a
 * million partition offsets, and a snapshot of 100,000 services, 10,000 pipelines and those offsets,
 * drawn while commands are applied. Bars: snapshot under 2 s with no pause over 50 ms; offsets far
 * below 1 GB; 10,000 leases under 10 % of a core. Run: deno run --v8-flags=--expose-gc tests/bench/state_bench.ts
 */
import process from "node:process";
import { encodeCommand } from "../../lib/state/command.ts";
import { LeaseTable } from "../../lib/registry/lease.ts";
import { seededRandom } from "../../lib/random.ts";
import { State } from "../../lib/state/state.ts";
import type { MessageInit } from "../../proto/codec.ts";
import { type Command, LeaseKind } from "../../proto/messages/state.ts";
import {
  configOf,
  nodeNamed,
  serviceNamed,
  sidecarNamed,
} from "../fixtures/machine.ts";

const random = seededRandom(1);
const below = (n: number) => Math.floor(random() * n);
let index = 0;
const at = () => ({ index: ++index, atMs: 1_700_000_000_000 + index });

/** What the services of a pipeline do. */
const roles = ["shop", "enrich", "archive"];

/** Kinds with their share of a hundred. Ids are few enough that commands meet. */
const mix: readonly (readonly [
  share: number,
  name: string,
  make: () => MessageInit<Command>,
])[] = [
  [55, "commitOffsets", () => ({ commitOffsets: { sources: [offsets()] } })],
  [10, "commitGroupOffsets", () => ({
    commitGroupOffsets: { groupId: `g-${below(100)}`, sources: [offsets()] },
  })],
  [10, "raiseWatermarks", () => ({
    raiseWatermarks: {
      watermarks: [{
        sourceId: `source-${below(1_000)}`,
        partition: below(16),
        position: BigInt(index),
        timestamp: { seconds: BigInt(1_700_000_000 + index), nanos: 0 },
      }],
    },
  })],
  [5, "saveCheckpoint", () => ({
    saveCheckpoint: {
      serviceId: `service-${below(10_000)}`,
      checkpointId: `c-${index}`,
      data: new Uint8Array(256),
    },
  })],
  [8, "registerService", () => ({
    registerService: { service: serviceNamed(`service-${below(10_000)}`) },
  })],
  [6, "setServiceHealth", () => {
    const serviceId = `service-${below(10_000)}`;
    const registrationId = `${serviceId}-registration`;
    const health = { status: below(4) };
    return { setServiceHealth: { serviceId, registrationId, health } };
  }],
  [2, "joinGroup", () => ({ joinGroup: membership() })],
  [2, "leaveGroup", () => ({ leaveGroup: membership() })],
  [1, "registerSidecar", () => ({
    registerSidecar: sidecarNamed(
      `sidecar-${below(30)}`,
      Array.from({ length: 10 }, () => `${roles[below(3)]}-${below(100)}`),
    ),
  })],
  [1, "setPipelineEnabled", () => ({
    setPipelineEnabled: {
      pipelineId: `pipeline-${below(100)}`,
      enabled: random() < 0.7,
    },
  })],
];

/** One of 20 services of a group. */
function membership() {
  const group = below(100);
  return {
    serviceId: `service-${group * 20 + below(20)}`,
    groupId: `g-${group}`,
  };
}

function offsets() {
  return {
    sourceId: `source-${below(1_000)}`,
    partitions: [below(16), below(16), below(16), below(16)],
    offsets: [0, 1, 2, 3].map((each) => BigInt(index * 4 + each)),
  };
}

function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

function memoryMb(): string {
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed, external } = Deno.memoryUsage();
  const mb = (bytes: number) => Math.round(bytes / 1e6);
  return `heap ${mb(heapUsed)} MB, buffers ${mb(external)} MB, rss ${
    mb(rss)
  } MB`;
}

/** What pieces of work took, in ms. */
class Pauses {
  tookMs = 0;
  longestMs = 0;
  /** Of the processor: not what others on the machine have had of it meanwhile. */
  cpuMs = 0;
  longestCpuMs = 0;

  during<T>(work: () => T): T {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const result = work();
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    const cpuMs = (user + system) / 1_000;
    this.tookMs += ms;
    this.cpuMs += cpuMs;
    this.longestMs = Math.max(this.longestMs, ms);
    this.longestCpuMs = Math.max(this.longestCpuMs, cpuMs);
    return result;
  }

  get longest(): string {
    return `${this.longestMs.toFixed(1)} ms ` +
      `(of the processor ${this.longestCpuMs.toFixed(1)})`;
  }
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
  print(
    `${count} mixed commands: ${
      Math.round(count / pauses.tookMs * 1000)
    }/s, the longest ${pauses.longest}, ${memoryMb()}`,
  );
  for (const [, name, make] of mix) {
    const commands = Array.from({ length: 5_000 }, () => encodeCommand(make()));
    const all = new Pauses();
    all.during(() => apply(state, commands));
    print(`  ${name}: ${(all.tookMs / 5).toFixed(1)} us each`);
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
  print(`1000000 offsets of 100000 sources: ${memoryMb()}`);
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

/** Draws a snapshot, a chunk a turn, with commands applied between chunks. */
function drawn(state: State, commandsBetween: number): Uint8Array[] {
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
        { length: commandsBetween },
        () => encodeCommand({ commitOffsets: { sources: [offsets()] } }),
      ),
    );
  }
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
  print(
    `snapshot with ${commandsBetween} commands a chunk: ${
      Math.round(pauses.tookMs)
    } ms (of the processor ${Math.round(pauses.cpuMs)}), longest pause ` +
      `${pauses.longest}, ${chunks.length} chunks, ` +
      `${(bytes / 1e6).toFixed(1)} MB`,
  );
  return chunks;
}

/** 10,000 holders that each renew every 5 s, with four sweeps a second. */
function leases(): void {
  const table = new LeaseTable();
  const holders = Array.from({ length: 10_000 }, (_, i) => {
    const id = `service-${i}`;
    return { kind: LeaseKind.Service, id, registrationId: `${id}-r` };
  });
  for (const lease of holders) {
    table.follow({ kind: "leaseStarted", lease, ttlMs: 15_000 }, 0);
  }
  const start = performance.now();
  for (let second = 0; second < 5; second++) {
    for (let i = second; i < holders.length; i += 5) {
      table.renew(holders[i]!, second * 1_000);
    }
    for (let sweep = 0; sweep < 4; sweep++) table.due(second * 1_000, 1_000);
  }
  const share = (performance.now() - start) / 5_000;
  print(
    `10000 leases renewed every 5 s: ${(share * 100).toFixed(2)} % of a core`,
  );
}

if (import.meta.main) {
  leases();
  if (!Deno.args.includes("--snapshot")) mixed(1_000_000);
  print(`before: ${memoryMb()}`);
  const one = new State();
  manyOffsets(one, 1_000_000);
  print(`1000000 offsets of one source: ${memoryMb()}`);
  const state = bigState();
  print(`with 100000 services and 10000 pipelines: ${memoryMb()}`);
  drawn(state, 0);
  drawn(state, 100);
  const chunks = drawn(state, 0);
  const restoration = new State().restoring();
  const pauses = new Pauses();
  for (const chunk of chunks) pauses.during(() => restoration.push(chunk));
  pauses.during(() => restoration.finish());
  print(
    `restore: ${
      Math.round(pauses.tookMs)
    } ms, longest pause ${pauses.longest}, ${memoryMb()}`,
  );
}
