import { assert, assertEquals } from "@std/assert";
import { BackupClient } from "../../../clients/backup_client.ts";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import type { ReplicatedState } from "../../../lib/consensus/replicated_state.ts";
import {
  offsetLookupTimeoutMs,
  pipelinesSliceMs,
} from "../../../lib/limits.ts";
import {
  type PipelinesPort,
  PipelineSupervisor,
} from "../../../lib/router/pipeline_supervisor.ts";
import { until } from "../../fixtures/metadata_cluster.ts";
import { edge, pipelineConfig, stage } from "../../fixtures/pipelines.ts";
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

function supervisorOf(
  { time }: StateCluster,
  replicated: ReplicatedState,
  port: PipelinesPort,
): PipelineSupervisor {
  return new PipelineSupervisor(replicated, port, time, time);
}

Deno.test("PipelineSupervisor.caughtUp() resolves when a node that was behind runs what others were told of", async () => {
  await using cluster = await StateCluster.start(3);
  const behind = await cluster.follower();
  const leader = cluster.node(await cluster.raft.leader());
  const { port, told } = recorded();
  const { replicated } = cluster.node(behind);
  const supervisor = supervisorOf(cluster, replicated, port);
  await supervisor.start();
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
  const supervisor = supervisorOf(cluster, replicated, port);
  cluster.raft.isolate(alone);
  const caughtUp = supervisor.caughtUp();
  await cluster.time.advance(offsetLookupTimeoutMs);
  await caughtUp;
});

Deno.test("PipelineSupervisor runs the pipeline that a snapshot brought back, though another has its id and version", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated, calls } = cluster.node(1);
  const ran: (string | undefined)[] = [];
  const port: PipelinesPort = {
    ...recorded().port,
    setPipeline: ({ stages }) => void ran.push(stages.at(-1)?.id),
  };
  const supervisor = supervisorOf(cluster, replicated, port);
  await supervisor.start();
  const create = (sink: string) =>
    calls.unary(adminService.methods.createPipeline, {
      config: pipelineConfig({
        stages: [stage("in", "source"), stage(sink, "sink")],
        edges: [edge("in", sink)],
      }),
    });
  const backup = new BackupClient(calls);
  await create("first");
  await backup.create("then");
  await calls.unary(adminService.methods.deletePipeline, {
    pipelineId: "orders",
    force: true,
  });
  await create("second");
  await until(() => ran.length === 2);
  await backup.restore("then");
  await until(() => ran.length === 3);
  assertEquals(ran, ["first", "second", "first"]);
  await supervisor.close();
});

Deno.test("PipelineSupervisor gives up the pipelines that a snapshot which was brought back does not have", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated, calls } = cluster.node(1);
  const { port, told } = recorded();
  const supervisor = supervisorOf(cluster, replicated, port);
  const backup = new BackupClient(calls);
  await backup.create("before");
  await supervisor.start();
  await calls.unary(adminService.methods.createPipeline, {
    config: pipelineConfig(),
  });
  await until(() => told.includes("runs orders"));
  told.length = 0;
  await backup.restore("before");
  await until(() => told.length === 3);
  assertEquals(told, ["stops orders", "gives up orders", "services"]);
  await supervisor.close();
});

/** A node with pipelines "p0" and so on, and a supervisor that does one of them in a turn. */
async function oneATurn(cluster: StateCluster, count: number) {
  const { replicated, calls } = cluster.node(1);
  for (let n = 0; n < count; n++) {
    await calls.unary(adminService.methods.createPipeline, {
      config: { ...pipelineConfig(), id: `p${n}` },
    });
  }
  const { port, told } = recorded();
  let ms = 0;
  const clock = {
    ...cluster.time,
    monotonicMs: () => (ms += pipelinesSliceMs),
  };
  const supervisor = new PipelineSupervisor(
    replicated,
    port,
    clock,
    cluster.time,
  );
  return { supervisor, told, calls };
}

Deno.test("PipelineSupervisor.start() lets other work have its turn between pipelines", async () => {
  await using cluster = await StateCluster.start(1);
  const { supervisor, told } = await oneATurn(cluster, 10);
  const starting = supervisor.start();
  const seen: number[] = [];
  while (told.length < 11) {
    seen.push(told.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await starting;
  assert(seen.length >= 10, seen.join());
  assertEquals(
    told.slice(1).sort(),
    Array.from({ length: 10 }, (_, n) => `runs p${n}`),
  );
  await supervisor.close();
});

Deno.test("PipelineSupervisor runs what changed while it began, as it was changed", async () => {
  await using cluster = await StateCluster.start(1);
  const { supervisor, told, calls } = await oneATurn(cluster, 10);
  const starting = supervisor.start();
  const { methods } = adminService;
  await calls.unary(methods.deletePipeline, { pipelineId: "p9", force: true });
  await calls.unary(methods.disablePipeline, { pipelineId: "p8" });
  await calls.unary(methods.createPipeline, {
    config: { ...pipelineConfig(), id: "later" },
  });
  await starting;
  await supervisor.caughtUp();
  const runs = new Set<string>();
  for (const each of told) {
    const [verb, id] = each.split(" ");
    if (verb === "runs") runs.add(id!);
    if (verb === "stops") runs.delete(id!);
  }
  assertEquals([...runs].sort(), [
    "later",
    ...Array.from({ length: 8 }, (_, n) => `p${n}`),
  ]);
  await supervisor.close();
});

Deno.test("PipelineSupervisor never runs what was taken out before its turn, as whoever took it out was told", async () => {
  await using cluster = await StateCluster.start(1);
  const { supervisor, told, calls } = await oneATurn(cluster, 200);
  const starting = supervisor.start();
  const { methods } = adminService;
  const list = cluster.node(1).replicated.state.pipelines.list();
  const [disabled, deleted] = list.slice(-2).map((each) => each.pipelineId);
  await calls.unary(methods.disablePipeline, { pipelineId: disabled! });
  await calls.unary(methods.deletePipeline, {
    pipelineId: deleted!,
    force: true,
  });
  await starting;
  await supervisor.caughtUp();
  assertEquals(told.filter((each) => each.startsWith("runs ")).length, 198);
  assert(!told.includes(`runs ${disabled}`));
  assert(!told.includes(`runs ${deleted}`));
  await supervisor.close();
});

Deno.test("PipelineSupervisor follows the state while it begins, and not only after", async () => {
  await using cluster = await StateCluster.start(1);
  const { supervisor, told, calls } = await oneATurn(cluster, 200);
  let begins = true;
  const starting = supervisor.start().then(() => begins = false);
  const first = await until(() => told.find((each) => /^runs/.test(each)));
  const id = first.replace("runs ", "");
  await calls.unary(adminService.methods.disablePipeline, { pipelineId: id });
  await until(() => told.includes(`stops ${id}`));
  assert(begins, "it had begun");
  await starting;
  await supervisor.close();
});

Deno.test("PipelineSupervisor.close() ends a start that is under way", async () => {
  await using cluster = await StateCluster.start(1);
  const { supervisor, told } = await oneATurn(cluster, 10);
  const starting = supervisor.start();
  await supervisor.close();
  await starting;
  assert(told.length < 10, told.join());
});
