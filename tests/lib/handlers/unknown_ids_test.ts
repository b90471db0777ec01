/**
 * Goal: an id that nothing has is answered NOT_FOUND with the id, by every method of the control plane but
 * those that have another word for it.
 * Method: each method once, on a cluster in which nothing is; no method of the services is left out.
 */
import { assert, assertEquals, assertObjectMatch } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { backupService } from "../../../lib/handlers/backup_handler.ts";
import { checkpointService } from "../../../lib/handlers/checkpoint_handler.ts";
import { registryService } from "../../../lib/handlers/registry_handler.ts";
import { sidecarService } from "../../../lib/handlers/sidecar_handler.ts";
import type { Method } from "../../../proto/service.ts";
import { pipelineConfig } from "../../fixtures/pipelines.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

const id = "nobody";
const serviceId = id;
const groupId = id;
const sourceId = id;
const pipelineId = id;
const sidecarId = id;
const snapshotId = id;

type Requests = { readonly [name: string]: Record<string, unknown> };

/** Of these the id must be known. */
const refused: Requests = {
  deregister: { serviceId, registrationId: "r" },
  joinGroup: { serviceId, groupId },
  leaveGroup: { serviceId, groupId },
  commitGroupOffset: { groupId, sourceId, serviceId, generation: 1n },
  getPipelineCheckpoints: { pipelineId },
  deregisterSidecar: { sidecarId },
  watchPipelineAssignments: { sidecarId },
  updatePipeline: { pipelineId, config: pipelineConfig({ id }) },
  deletePipeline: { pipelineId },
  enablePipeline: { pipelineId },
  disablePipeline: { pipelineId },
  streamSnapshot: { snapshotId },
  restoreSnapshot: { snapshotId },
};

/** These say it in their answer: a heartbeat has its holder register, and what is away is removed already. */
const answered: {
  readonly [name: string]: {
    readonly request: Record<string, unknown>;
    readonly answer: Record<string, unknown>;
  };
} = {
  "registry.heartbeat": {
    request: { serviceId, registrationId: "r" },
    answer: { acknowledged: false },
  },
  "sidecar.heartbeat": {
    request: { sidecarId, registrationId: "r" },
    answer: { acknowledged: false, replacedBy: "" },
  },
  getPipeline: { request: { pipelineId }, answer: { found: false } },
  getCheckpoint: { request: { serviceId }, answer: { found: false } },
  deleteSnapshot: { request: { snapshotId }, answer: { success: false } },
  // Offsets have no owner that is entered first: of what has committed none, there are none.
  getSourceOffset: { request: { sourceId }, answer: { offsets: {} } },
  getGroupOffsets: { request: { groupId }, answer: { sourceOffsets: {} } },
  getWatermark: { request: { sourceId }, answer: { watermarks: [] } },
  // Names, groups and metrics select.
  getServiceEndpoints: {
    request: { serviceName: id, groupId },
    answer: { endpoints: [] },
  },
  getMetrics: { request: { metricNames: [id] }, answer: { metrics: {} } },
};

/** These name nothing, or make what they name. */
const others = [
  ...["register", "listServices", "watchServices"],
  ...["commitOffset", "reportWatermark", "saveCheckpoint"],
  ...["registerSidecar"],
  ...["createPipeline", "listPipelines", "getClusterStatus"],
  ...["createSnapshot", "uploadSnapshot", "listSnapshots", "getStateMetadata"],
];

const services = {
  registry: registryService,
  checkpoint: checkpointService,
  sidecar: sidecarService,
  admin: adminService,
  backup: backupService,
};

Deno.test("an id that nothing has is answered NotFound with the id, or as its method says", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const first = async (
    method: Method<unknown, unknown>,
    request: Record<string, unknown>,
  ): Promise<unknown> => {
    if (method.kind === "unary") {
      const unary = method as Method<unknown, unknown, "unary">;
      return (await calls.unary(unary, request)).message;
    }
    const requests = ReadableStream.from([request]);
    for await (const message of calls.stream(method, requests)) return message;
  };
  const met = new Set<string>();
  for (const [room, { methods }] of Object.entries(services)) {
    for (const [short, method] of Object.entries(methods)) {
      const name = short === "heartbeat" ? `${room}.${short}` : short;
      met.add(name);
      const request = refused[name];
      if (request !== undefined) {
        const error = await rejection(first(method, request), Code.NotFound);
        assert(error.message.includes(`"${id}"`), error.message);
        continue;
      }
      if (others.includes(name)) continue;
      const { request: asked, answer } = answered[name]!;
      assertObjectMatch(await first(method, asked) as object, answer);
    }
  }
  const known = [Object.keys(refused), Object.keys(answered), others].flat();
  assertEquals([...met].sort(), known.sort());
});
