/** Commands of mixed kinds for the replicated state, the same ones in every run. */
import { seededRandom } from "../../../lib/random.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { Command } from "../../../proto/messages/state.ts";
import { serviceNamed, sidecarNamed } from "../../fixtures/machine.ts";

const random = seededRandom(1);
/** A whole number below `n`. */
export const below = (n: number) => Math.floor(random() * n);
let index = 0;

/** Where in the log, and when, the next command stands. */
export const at = () => ({ index: ++index, atMs: 1_700_000_000_000 + index });

/** What the services of a pipeline do. */
export const roles = ["shop", "enrich", "archive"];

/** Kinds with their share of a hundred. Ids are few enough that commands meet. */
export const mix: readonly (readonly [
  share: number,
  name: string,
  make: () => MessageInit<Command>,
])[] = [
  [55, "commitOffsets", commitOffsets],
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

/** Commits offsets of four partitions of a source. */
export function commitOffsets(): MessageInit<Command> {
  return { commitOffsets: { sources: [offsets()] } };
}
