import { assertEquals } from "@std/assert";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { offsetLookupTimeoutMs } from "../../../lib/limits.ts";
import {
  type PipelinesPort,
  PipelineSupervisor,
} from "../../../lib/router/pipeline_supervisor.ts";
import { pipelineConfig } from "../../fixtures/pipelines.ts";
import { register } from "../../fixtures/services.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

/** What a node runs, in the order in which it was told to. */
function recorded(): { port: PipelinesPort; told: string[] } {
  const told: string[] = [];
  const port: PipelinesPort = {
    setPipeline: ({ id }) => void told.push(`runs ${id}`),
    removePipeline: (id) => {
      told.push(`stops ${id}`);
      return Promise.resolve();
    },
    giveUpPipeline: (id) => void told.push(`gives up ${id}`),
    servicesChanged: () => void told.push("services"),
    offsetRaised: () => {},
    pullsChanged: () => {},
  };
  return { port, told };
}

Deno.test("PipelineSupervisor.caughtUp() resolves when a node that was behind runs what others were told of", async () => {
  await using cluster = await StateCluster.start(3);
  const behind = await cluster.follower();
  const leader = cluster.node(await cluster.raft.leader());
  const { port, told } = recorded();
  const { replicated } = cluster.node(behind);
  const supervisor = new PipelineSupervisor(replicated, port, cluster.time);
  supervisor.start();
  told.length = 0;
  cluster.raft.isolate(behind);
  await leader.calls.unary(adminService.methods.createPipeline, {
    config: pipelineConfig(),
  });
  await register(leader, "a");
  assertEquals(told, []);
  cluster.raft.heal();
  await supervisor.caughtUp();
  assertEquals(told, ["runs orders", "services"]);
  await supervisor.close();
});

Deno.test("PipelineSupervisor.caughtUp() resolves after a while though no majority can be reached", async () => {
  await using cluster = await StateCluster.start(3);
  const alone = await cluster.follower();
  const { port } = recorded();
  const { replicated } = cluster.node(alone);
  const supervisor = new PipelineSupervisor(replicated, port, cluster.time);
  cluster.raft.isolate(alone);
  const caughtUp = supervisor.caughtUp();
  await cluster.time.advance(offsetLookupTimeoutMs);
  await caughtUp;
});
