import { assert, assertEquals } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { leaseSweepMs, nodeLeaseMs } from "../../../lib/limits.ts";
import { PullSupervisor } from "../../../lib/router/pull_supervisor.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { ChannelPool } from "../../../lib/services/channel_pool.ts";
import { ServiceType } from "../../../proto/messages/common.ts";
import { steadyLead, until } from "../../fixtures/metadata_cluster.ts";
import { edge, pipelineConfig, stage } from "../../fixtures/pipelines.ts";
import { register } from "../../fixtures/services.ts";
import { nodeNamed } from "../../fixtures/machine.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

/** Runs `work` beside a supervisor that pulls the source `ticks`, which knows no pulls. */
async function pulling(
  cluster: StateCluster,
  nodeId: number,
  work: (
    supervisor: PullSupervisor,
    pulls: () => number | undefined,
  ) => Promise<void>,
): Promise<void> {
  const { replicated, leases, calls } = cluster.node(nodeId);
  const { time } = cluster;
  await using server = new RpcServer(undefined, () => {});
  const port = Number((await server.listen("127.0.0.1:0")).split(":")[1]);
  await using channels = new ChannelPool();
  const supervisor = new PullSupervisor({
    replicated,
    nodeId,
    clusterId: "c",
    leases,
    clock: time,
    scheduler: time,
    flow: {},
    channels,
    intake: {
      openSource: () => {
        throw new ConveyorError(Code.Unavailable, "nothing is taken");
      },
    },
  });
  const pulls = (): number | undefined =>
    [...supervisor.metrics()][0]?.samples[0]?.value;
  await register(cluster.node(nodeId), "ticks", {
    identity: {
      serviceId: "ticks",
      name: "ticks",
      serviceType: ServiceType.Source,
      capabilities: ["pull"],
    },
    endpoint: { host: "127.0.0.1", port },
    heartbeatInterval: { seconds: 3_600n, nanos: 0 },
  });
  await calls.unary(adminService.methods.createPipeline, {
    config: pipelineConfig({
      stages: [stage("ticks", "source"), stage("out", "sink")],
      edges: [edge("ticks", "out")],
    }),
  });
  supervisor.start("http://node");
  await until(() => replicated.state.nodes.list().length === 1);
  while (pulls() !== 1) await cluster.pass(leaseSweepMs);
  await work(supervisor, pulls);
  await supervisor.close();
}

Deno.test("PullSupervisor pulls nothing any more once its node may be given up, whatever it knows of the others", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const nodeId = await cluster.follower();
  const { state } = cluster.node(nodeId).replicated;
  await pulling(cluster, nodeId, async (_supervisor, pulls) => {
    cluster.raft.isolate(nodeId);
    await cluster.pass(2 * nodeLeaseMs);
    assertEquals(state.nodes.pullOwner("ticks", 0)?.nodeId, nodeId);
    assertEquals(pulls(), 0);
    cluster.raft.heal();
    while (pulls() !== 1) await cluster.pass(leaseSweepMs);
  });
});

Deno.test("PullSupervisor.commit() commits what its node still owns after another has come and gone", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated } = cluster.node(1);
  const { nodes, offsets } = replicated.state;
  await pulling(cluster, 1, async (supervisor) => {
    const { generation } = nodes;
    const { node } = nodeNamed(50);
    await Promise.all([
      replicated.change("come", { registerNode: { node } }),
      replicated.change("go", {
        deregisterNode: { nodeId: 50, registrationId: "registration" },
      }),
      supervisor.commit([{ sourceId: "ticks", partition: 0, offset: 7n }]),
    ]);
    assert(nodes.generation > generation);
    assertEquals(offsets.get("ticks", 0)?.offset, 7n);
  });
});
