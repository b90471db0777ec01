/**
 * What the replicated state costs: commands of mixed kinds applied one after the other, memory of a
 * million partition offsets, and a snapshot of 100,000 services, 10,000 pipelines and those offsets,
 * drawn while commands are applied. Bars: snapshot under 2 s with no pause over 50 ms; offsets far
 * below 1 GB. Run: deno run --v8-flags=--expose-gc tests/bench/state_bench.ts
 */
import { encodeCommand } from "../../lib/state/command.ts";
import { seededRandom } from "../../lib/random.ts";
import { State } from "../../lib/state/state.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { Command } from "../../proto/messages/state.ts";
import {
  configOf,
  nodeNamed,
  orders,
  serviceNamed,
  sidecarNamed,
} from "../fixtures/machine.ts";

const random = seededRandom(1);
const below = (n: number) => Math.floor(random() * n);
let index = 0;
const at = () => ({ index: ++index, atMs: 1_700_000_000_000 + index });

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
  [2, "joinGroup", () => ({
    joinGroup: {
      serviceId: `service-${below(2_000)}`,
      groupId: `g-${below(100)}`,
    },
  })],
  [2, "leaveGroup", () => ({
    leaveGroup: {
      serviceId: `service-${below(2_000)}`,
      groupId: `g-${below(100)}`,
    },
  })],
  [1, "registerSidecar", () => ({
    registerSidecar: sidecarNamed(`sidecar-${below(30)}`, [
      ["shop", "enrich", "archive"][below(3)]!,
      ["shop", "enrich", "archive"][below(3)]!,
    ]),
  })],
  [1, "setPipelineEnabled", () => ({
    setPipelineEnabled: {
      pipelineId: `pipeline-${below(100)}`,
      enabled: random() < 0.7,
    },
  })],
];

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

/** Applies commands; the time that it took and the longest one, in ms. */
function apply(state: State, commands: readonly Uint8Array[]) {
  let longestMs = 0;
  const start = performance.now();
  let last = start;
  for (const command of commands) {
    state.apply(command, at());
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
  }
  return { tookMs: last - start, longestMs };
}

function mixed(count: number): void {
  const state = new State();
  const kinds = mix.flatMap(([share, name, make]) =>
    Array.from({ length: share }, () => ({ name, make }))
  );
  for (let i = 0; i < 100; i++) {
    const pipelineId = `pipeline-${i}`;
    state.apply(
      encodeCommand({
        createPipeline: { pipelineId, config: orders, enabled: true },
      }),
      at(),
    );
  }
  let tookMs = 0;
  const batch = 1_000;
  const byKind = new Map<
    string,
    { count: number; ms: number; longest: number }
  >();
  for (let done = 0; done < count; done += batch) {
    const drawn = Array.from({ length: batch }, () => kinds[below(100)]!);
    const commands = drawn.map(({ make }) => encodeCommand(make()));
    commands.forEach((command, i) => {
      const result = apply(state, [command]);
      tookMs += result.tookMs;
      const { name } = drawn[i]!;
      const sum = byKind.get(name) ?? { count: 0, ms: 0, longest: 0 };
      byKind.set(name, {
        count: sum.count + 1,
        ms: sum.ms + result.tookMs,
        longest: Math.max(sum.longest, result.longestMs),
      });
    });
  }
  print(
    `${count} mixed commands: ${
      Math.round(count / tookMs * 1000)
    }/s, ${memoryMb()}`,
  );
  for (const [name, { count, ms, longest }] of byKind) {
    print(
      `  ${name}: ${(ms / count * 1000).toFixed(1)} us each, longest ${
        longest.toFixed(1)
      } ms`,
    );
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
  let longestMs = 0;
  let tookMs = 0;
  let last = performance.now();
  const iterator = state.snapshot()[Symbol.iterator]();
  for (;;) {
    const { done, value } = iterator.next();
    const ms = performance.now() - last;
    longestMs = Math.max(longestMs, ms);
    tookMs += ms;
    if (done) break;
    chunks.push(value);
    apply(
      state,
      Array.from(
        { length: commandsBetween },
        () => encodeCommand({ commitOffsets: { sources: [offsets()] } }),
      ),
    );
    last = performance.now();
  }
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
  print(
    `snapshot with ${commandsBetween} commands a chunk: ${
      Math.round(tookMs)
    } ms, ` +
      `longest pause ${longestMs.toFixed(1)} ms, ${chunks.length} chunks, ` +
      `${(bytes / 1e6).toFixed(1)} MB`,
  );
  return chunks;
}

if (import.meta.main) {
  mixed(1_000_000);
  print(`before: ${memoryMb()}`);
  const one = new State();
  manyOffsets(one, 1_000_000);
  print(`1000000 offsets of one source: ${memoryMb()}`);
  const state = bigState();
  print(`with 100000 services and 10000 pipelines: ${memoryMb()}`);
  drawn(state, 0);
  drawn(state, 100);
  const chunks = drawn(state, 0);
  const start = performance.now();
  const copy = new State();
  copy.restore(chunks);
  print(`restore: ${Math.round(performance.now() - start)} ms, ${memoryMb()}`);
}
