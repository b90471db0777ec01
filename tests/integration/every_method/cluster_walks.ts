/** ClusterService, and what says how a server is and what it serves. */
import { assert, assertEquals } from "@std/assert";
import { clusterService } from "../../../lib/handlers/cluster_handler.ts";
import { Code } from "../../../lib/errors.ts";
import {
  HealthCheckResponseServingStatus as ServingStatus,
  type HealthMethods,
} from "../../../proto/messages/health.ts";
import type { ServerReflectionMethods } from "../../../proto/messages/reflection.ts";
import { NodeSuffrage } from "../../../proto/messages/cluster.ts";
import { serviceOf } from "../../../proto/service.ts";
import { freePorts } from "../../fixtures/free_ports.ts";
import { until } from "../../fixtures/until.ts";
import type { Calls } from "./calls.ts";
import type { Walk } from "./walk.ts";

const cluster = clusterService.methods;
const { methods: health } = serviceOf<HealthMethods>("grpc.health.v1.Health");

async function leads(calls: Calls): Promise<boolean> {
  const { nodeId, leader } = await calls.answers(cluster.status, {});
  return nodeId === leader?.nodeId;
}

export const clusterWalks: readonly Walk[] = [
  {
    title: "what a server says of itself",
    run: async (here) => {
      const status = ServingStatus.Serving;
      await here.answers(health.check, {}, { status });
      await here.answers(health.watch, {}, { status });
      await here.answers(health.list, {}, { statuses: { "": { status } } });
      await here.refuses(Code.NotFound, health.check, { service: "none" });
      for (const version of ["v1", "v1alpha"]) {
        const { methods } = serviceOf<ServerReflectionMethods>(
          `grpc.reflection.${version}.ServerReflection`,
        );
        await here.answers(methods.serverReflectionInfo, {
          fileContainingSymbol: "grpc.health.v1.Health",
        }, { fileDescriptorResponse: {} });
      }
    },
  },
  {
    title: "a command, an index to read at and leases: of the leader only",
    run: async (here) => {
      const requestId = crypto.getRandomValues(new Uint8Array(16));
      const unknown = { requestId, command: new Uint8Array([0xff]) };
      const leases = { leases: [{ kind: 1, id: "none", registrationId: "x" }] };
      await here.refuses(Code.InvalidArgument, cluster.propose, {});
      if (!await leads(here)) {
        await here.refuses(Code.Unavailable, cluster.propose, unknown);
        await here.refuses(Code.Unavailable, cluster.readIndex, {});
        await here.refuses(Code.Unavailable, cluster.renewLeases, leases);
        return;
      }
      // A command that nobody understands is carried out too: it changes nothing, once.
      const { index } = await here.answers(cluster.propose, unknown);
      await here.answers(cluster.propose, unknown, { index });
      const { index: readable } = await here.answers(cluster.readIndex, {});
      assert(readable >= index);
      await here.answers(cluster.renewLeases, leases, { outcomes: [3] });
    },
  },
  {
    title: "a node, from before it is taken in to after it was let go",
    run: async (here, there) => {
      const nodeId = 4n;
      const node = { nodeId };
      const [port] = freePorts(1);
      const entry = {
        nodeId,
        address: `http://127.0.0.1:${port}`,
        learner: true,
      };
      await here.refuses(Code.InvalidArgument, cluster.addNode, node);
      if (!await leads(here)) {
        await here.refuses(Code.Unavailable, cluster.addNode, entry);
        await here.refuses(Code.Unavailable, cluster.promoteLearner, node);
        await here.refuses(Code.Unavailable, cluster.removeNode, node);
        return;
      }
      await here.refuses(Code.NotFound, cluster.removeNode, node);
      await here.refuses(Code.NotFound, cluster.promoteLearner, node);
      await here.refuses(Code.FailedPrecondition, cluster.addNode, {
        ...entry,
        learner: false,
      });
      await here.answers(cluster.addNode, entry);
      await here.answers(cluster.addNode, entry);
      const listed = async (): Promise<NodeSuffrage | undefined> => {
        const { nodes } = await there.answers(cluster.listNodes, {});
        return nodes.find((each) => each.nodeId === nodeId)?.suffrage;
      };
      await until(async () => await listed() === NodeSuffrage.Learner);
      await here.refuses(Code.FailedPrecondition, cluster.promoteLearner, node);
      await here.answers(cluster.promoteLearner, { nodeId: 1n });
      await here.answers(cluster.removeNode, node);
      await here.answers(cluster.removeNode, node);
      await until(async () => await listed() === undefined);
      await here.refuses(Code.AlreadyExists, cluster.addNode, entry);
    },
  },
];

/** Last, as it moves the lead. */
export const leaderWalk: Walk = {
  title: "the lead, handed to another node",
  run: async (here, there) => {
    const { nodeId: heir } = await there.answers(cluster.status, {});
    await there.refuses(Code.Unavailable, cluster.transferLeadership, {});
    await here.refuses(Code.NotFound, cluster.transferLeadership, {
      nodeId: 99n,
    });
    await here.answers(cluster.transferLeadership, { nodeId: heir }, {
      leader: { nodeId: heir },
    });
    await until(() => leads(there));
    await here.refuses(Code.Unavailable, cluster.transferLeadership, {});
    assertEquals(await leads(here), false);
  },
};
