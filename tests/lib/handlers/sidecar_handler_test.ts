import { assert, assertEquals } from "@std/assert";
import { ReplicatedState } from "../../../lib/consensus/replicated_state.ts";
import { Code } from "../../../lib/errors.ts";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import {
  SidecarCoordinatorImpl,
  sidecarService,
} from "../../../lib/handlers/sidecar_handler.ts";
import { msOf, timestampOf } from "../../../lib/handlers/wire_time.ts";
import { leaseSweepMs } from "../../../lib/limits.ts";
import { requestIdKey } from "../../../lib/metadata_keys.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { PipelineConfig } from "../../../proto/messages/router.ts";
import {
  EventType,
  type HeartbeatResponse,
  type PipelineAssignmentEvent,
  type RegisterSidecarRequest,
  type RegisterSidecarResponse,
  type SidecarHeartbeatRequest,
  type WatchAssignmentsRequest,
} from "../../../proto/messages/sidecar.ts";
import type { Answer } from "../../../proto/messages/state.ts";
import { Feed } from "../../fixtures/feed.ts";
import { Loopback } from "../../fixtures/loopback.ts";
import { until } from "../../fixtures/metadata_cluster.ts";
import { edge, pipelineConfig, stage } from "../../fixtures/pipelines.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { StateCluster, type StateNode } from "../../fixtures/state_cluster.ts";

const { methods } = sidecarService;

/** A pod with services of these names. */
async function enter(
  node: StateNode,
  sidecarId: string,
  services: readonly string[],
  rest: MessageInit<RegisterSidecarRequest> = {},
): Promise<RegisterSidecarResponse> {
  const { message } = await node.calls.unary(methods.registerSidecar, {
    sidecarId,
    podName: `pod-${sidecarId}`,
    sidecarEndpoint: `http://${sidecarId}:15001`,
    heartbeatInterval: { seconds: 1n, nanos: 0 },
    localServices: services.map((serviceName) => ({
      serviceName,
      localEndpoint: `http://localhost/${serviceName}`,
    })),
    ...rest,
  });
  return message;
}

async function beat(
  node: StateNode,
  request: MessageInit<SidecarHeartbeatRequest>,
): Promise<HeartbeatResponse> {
  return (await node.calls.unary(methods.heartbeat, request)).message;
}

/** A heartbeat while time passes, as one of a node that gathers them needs. */
async function beaten(
  cluster: StateCluster,
  node: StateNode,
  request: MessageInit<SidecarHeartbeatRequest>,
): Promise<HeartbeatResponse> {
  let answer: HeartbeatResponse | undefined;
  let failed: unknown;
  beat(node, request).then((done) => answer = done, (error) => failed = error);
  while (answer === undefined && failed === undefined) {
    await cluster.time.advance(1);
  }
  if (failed !== undefined) throw failed;
  return answer!;
}

async function create(
  node: StateNode,
  config: PipelineConfig = pipelineConfig(),
): Promise<void> {
  await node.calls.unary(adminService.methods.createPipeline, { config });
}

/** What commands are about: `assign orders in,out`. */
function inShort({ commands }: HeartbeatResponse): string[] {
  return commands.map(({ assign, revoke, drain }) => {
    if (assign) {
      const local = assign.stages.filter(({ localEndpoint }) => localEndpoint);
      const ids = local.map(({ stageId }) => stageId);
      return `assign ${assign.pipelineId} ${ids}`;
    }
    return revoke ? `revoke ${revoke.pipelineId}` : `drain ${!!drain}`;
  });
}

Deno.test("registerSidecar() refuses a sidecar of 100,000 services without a word to the log", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const { appliedIndex } = node.replicated.metadata;
  const names = Array.from({ length: 100_000 }, (_, at) => `service-${at}`);
  const error = await rejection(
    enter(node, "a", names),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "local_services");
  assertEquals(node.replicated.metadata.appliedIndex, appliedIndex);
});

Deno.test("registerSidecar() is committed everywhere, and answers what is to be run", async () => {
  await using cluster = await StateCluster.start(3);
  const node = cluster.node(await cluster.follower());
  await create(node);
  const first = await enter(node, "a", ["in", "out"]);
  assertEquals(first.success, true);
  assertEquals(first.leaseTtl, { seconds: 3n, nanos: 0 });
  const [assignment] = first.initialAssignments;
  assertEquals(assignment?.pipelineId, "orders");
  assertEquals(assignment?.isLocalComplete, true);
  assertEquals(assignment?.stages.map(({ stageId }) => stageId), ["in", "out"]);
  assertEquals(Object.keys(first.versions), ["orders"]);
  await until(() =>
    cluster.ids.every((id) =>
      cluster.node(id).replicated.state.sidecars.get("a") !== undefined
    )
  );
  // What its registration told it is not told again.
  const { registrationId } = first;
  for (const known of [undefined, { versions: first.versions }]) {
    const request = { sidecarId: "a", registrationId, known };
    assertEquals(inShort(await beaten(cluster, node, request)), []);
  }
});

Deno.test("registerSidecar() repeated under one request id is one registration", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const metadata = { [requestIdKey]: new Uint8Array(16).fill(4) };
  const ids = new Set<string>();
  for (let time = 0; time < 2; time++) {
    const { message } = await calls.unary(methods.registerSidecar, {
      sidecarId: "a",
      sidecarEndpoint: "http://a:1",
    }, { metadata });
    ids.add(message.registrationId);
  }
  assertEquals(ids.size, 1);
});

Deno.test("registerSidecar() tells what changed since the sidecar was entered, and it is not told again", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const metadata = { [requestIdKey]: new Uint8Array(16).fill(4) };
  /** Its first answer was lost, and is asked for again. */
  const again = async (): Promise<string[]> => {
    const { message } = await node.calls.unary(methods.registerSidecar, {
      sidecarId: "a",
      sidecarEndpoint: "http://a:1",
      localServices: ["in", "out"].map((serviceName) => ({
        serviceName,
        localEndpoint: "http://localhost",
      })),
    }, { metadata });
    return Object.keys(message.versions);
  };
  assertEquals(await again(), []);
  await create(node);
  assertEquals(await again(), ["orders"]);
  assertEquals(inShort(await beat(node, { sidecarId: "a" })), []);
  await node.calls.unary(adminService.methods.disablePipeline, {
    pipelineId: "orders",
  });
  assertEquals(await again(), []);
  assertEquals(inShort(await beat(node, { sidecarId: "a" })), []);
});

Deno.test("registerSidecar() names the field that is malformed", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const faults: [string, () => Promise<unknown>][] = [
    ["sidecar_id", () => enter(node, "", [])],
    ["sidecar_endpoint", () => enter(node, "a", [], { sidecarEndpoint: "" })],
    ["local_services.service_name", () => enter(node, "a", [""])],
    [
      "heartbeat_interval",
      () =>
        enter(node, "a", [], { heartbeatInterval: { seconds: -1n, nanos: 0 } }),
    ],
  ];
  for (const [field, call] of faults) {
    const error = await rejection(call(), Code.InvalidArgument);
    assertEquals(error.details[0]?.field, field);
  }
  assertEquals(node.replicated.state.sidecars.size, 0);
});

Deno.test("heartbeat() tells what changed since it was last told, once, whichever node answers", async () => {
  await using cluster = await StateCluster.start(3);
  const [a, b, c] = cluster.ids.map((id) => cluster.node(id));
  const next = (node: StateNode) => beaten(cluster, node, { sidecarId: "s" });
  await enter(a!, "s", ["in", "out"]);
  assertEquals(inShort(await next(a!)), []);
  await create(a!);
  assertEquals(inShort(await next(b!)), ["assign orders in,out"]);
  assertEquals(inShort(await next(c!)), []);
  await a!.calls.unary(adminService.methods.disablePipeline, {
    pipelineId: "orders",
  });
  await create(b!, pipelineConfig({ id: "more" }));
  const { commands } = await next(a!);
  assertEquals(commands[0]?.revoke, { pipelineId: "orders", drainFirst: true });
  assertEquals(commands[1]?.assign?.pipelineId, "more");
  assertEquals(commands.length, 2);
  await cluster.crash(await cluster.raft.leader());
  const survivor = cluster.node(await cluster.follower());
  assertEquals(inShort(await next(survivor)), []);
});

/** A replicated state by which a caller goes away just when it is noted what it is told. */
class GoneWhenTold extends ReplicatedState {
  readonly gone = new AbortController();

  override change(
    ...[action, command, ...rest]: Parameters<ReplicatedState["change"]>
  ): Promise<Answer> {
    if (command.tellSidecar) this.gone.abort();
    return super.change(action, command, ...rest);
  }
}

/** A replicated state by which a pipeline is updated just when it is noted what a sidecar is told. */
class UpdatedWhenTold extends ReplicatedState {
  readonly #update: () => Promise<unknown>;

  constructor({ replicated }: StateNode, update: () => Promise<unknown>) {
    super(replicated.metadata, replicated.state);
    this.#update = update;
  }

  override async change(
    ...[action, command, ...rest]: Parameters<ReplicatedState["change"]>
  ): Promise<Answer> {
    if (command.tellSidecar) await this.#update();
    return await super.change(action, command, ...rest);
  }
}

Deno.test("heartbeat() tells an assignment with the pipeline that it is of, though that is updated meanwhile", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await enter(node, "s", ["in", "out"]);
  await create(node);
  const replicated = new UpdatedWhenTold(
    node,
    () =>
      node.calls.unary(adminService.methods.updatePipeline, {
        pipelineId: "orders",
        config: pipelineConfig({
          stages: [stage("in", "source"), stage("other", "sink")],
          edges: [edge("in", "other")],
        }),
      }),
  );
  const { message } = await new Loopback()
    .add(sidecarService, new SidecarCoordinatorImpl(replicated, node.leases))
    .unary(methods.heartbeat, { sidecarId: "s" });
  const { stages, config } = message.commands[0]!.assign!;
  assertEquals(stages.map(({ stageId }) => stageId), ["in", "out"]);
  assertEquals(config?.stages.map(({ id }) => id), ["in", "out"]);
});

Deno.test("heartbeat() tells again what a caller that went away was not told", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await enter(node, "s", ["in", "out"]);
  await create(node);
  const { metadata, state } = node.replicated;
  const replicated = new GoneWhenTold(metadata, state);
  const { signal } = replicated.gone;
  await new Loopback()
    .add(sidecarService, new SidecarCoordinatorImpl(replicated, node.leases))
    .unary(methods.heartbeat, { sidecarId: "s" }, { signal });
  assertEquals(inShort(await beat(node, { sidecarId: "s" })), [
    "assign orders in,out",
  ]);
});

Deno.test("heartbeat() goes by what the sidecar says it knows, without an entry in the log", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const { registrationId } = await enter(node, "s", ["in", "out"]);
  await create(node);
  const { metadata } = node.replicated;
  const { commit } = metadata.status();
  const next = (versions: { [id: string]: bigint }) =>
    beat(node, { sidecarId: "s", registrationId, known: { versions } });
  const first = await next({});
  assertEquals(inShort(first), ["assign orders in,out"]);
  // The answer got lost: it still knows nothing.
  assertEquals(inShort(await next({})), ["assign orders in,out"]);
  assertEquals(inShort(await next(first.versions)), []);
  assertEquals(inShort(await next({ ...first.versions, gone: 1n })), [
    "revoke gone",
  ]);
  assertEquals(metadata.status().commit, commit);
});

Deno.test("heartbeat() brings the pipeline that a sidecar runs, also when only a setting of it changed", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await create(node);
  const { initialAssignments } = await enter(node, "s", ["in", "out"]);
  const [first] = initialAssignments;
  assertEquals(first?.config?.stages.map(({ id }) => id), ["in", "out"]);
  await node.calls.unary(adminService.methods.updatePipeline, {
    pipelineId: "orders",
    config: pipelineConfig({
      stages: [
        stage("in", "source"),
        stage("out", "sink", { parallelism: 7 }),
      ],
    }),
  });
  const { commands } = await beat(node, { sidecarId: "s" });
  const assigned = commands[0]?.assign;
  assertEquals(assigned?.config?.stages[1]?.parallelism, 7);
  assert(assigned!.pipelineVersion > first!.pipelineVersion);
  assertEquals(assigned!.stages, first!.stages);
});

Deno.test("heartbeat() is acknowledged to the present registration only", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const acknowledged = async (registrationId?: string, sidecarId = "s") =>
    (await beat(node, { sidecarId, registrationId: registrationId ?? "" }))
      .acknowledged;
  const old = await enter(node, "s", ["in"]);
  assertEquals(await acknowledged(old.registrationId), true);
  const present = await enter(node, "s", ["in"]);
  assertEquals(await acknowledged(old.registrationId), false);
  assertEquals(await acknowledged(present.registrationId), true);
  assertEquals(await acknowledged(), true);
  assertEquals(await acknowledged("x", "nobody"), false);
  assertEquals(await acknowledged("", "nobody"), false);
});

Deno.test("heartbeat() of a registration that was replaced says who has the id, while that lives", async () => {
  await using cluster = await StateCluster.start(3);
  const node = cluster.node(await cluster.follower());
  const { sidecars } = node.replicated.state;
  const enterAt = (port: number) =>
    enter(node, "s", [], { sidecarEndpoint: `http://s:${port}` });
  const first = await enterAt(1);
  const refused = async () => {
    const { registrationId } = first;
    const answer = await beaten(cluster, node, {
      sidecarId: "s",
      registrationId,
    });
    assertEquals(answer.acknowledged, false);
    return answer.replacedBy;
  };
  await enterAt(2);
  assertEquals(await refused(), "http://s:2");
  await cluster.time.advance(3_000 + leaseSweepMs);
  await until(() => sidecars.get("s")?.expired);
  assertEquals(await refused(), "");
  await cluster.time.advance(3_000 + leaseSweepMs);
  await until(() => sidecars.get("s") === undefined);
  assertEquals(await refused(), "");
});

Deno.test("heartbeat() names no holder to a registration that is newer, as after a snapshot was brought back", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const older = await enter(node, "s", []);
  const { registeredAt } = older;
  const registeredAtMs = node.replicated.state.sidecars.get("s")!
    .registeredAtMs;
  assertEquals(msOf(registeredAt), registeredAtMs);
  const holderOf = async (ms: number, registrationId = "another") => {
    const request = { registrationId, registeredAt: timestampOf(ms) };
    const answer = await beat(node, { sidecarId: "s", ...request });
    return [answer.acknowledged, answer.replacedBy];
  };
  assertEquals(await holderOf(registeredAtMs), [false, "http://s:15001"]);
  assertEquals(await holderOf(registeredAtMs + 1), [false, ""]);
  const { registrationId } = older;
  assertEquals(await holderOf(registeredAtMs + 1, registrationId), [true, ""]);
});

Deno.test("heartbeat() takes a service that does not work out of use, and back", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await enter(node, "s", ["in", "out"]);
  await create(node);
  const next = (healthy: boolean) =>
    beat(node, {
      sidecarId: "s",
      serviceHealth: [
        { serviceName: "in", healthy: true },
        { serviceName: "out", healthy },
        { serviceName: "unknown", healthy: false },
      ],
    });
  const { metadata } = node.replicated;
  assertEquals(inShort(await next(true)), ["assign orders in,out"]);
  const changed = await next(false);
  assert(changed.commands.length > 0);
  assertEquals(inShort(changed).includes("assign orders in,out"), false);
  const { commit } = metadata.status();
  assertEquals(inShort(await next(false)), []);
  assertEquals(metadata.status().commit, commit);
  assertEquals(inShort(await next(true)), ["assign orders in,out"]);
});

Deno.test("the stages of a sidecar whose lease ends go to another within a lease and a sweep", async () => {
  await using cluster = await StateCluster.start(3);
  const node = cluster.node(await cluster.raft.leader());
  await create(
    node,
    pipelineConfig({
      stages: [
        stage("in", "source"),
        stage("mid", "transform"),
        stage("out", "sink"),
      ],
      edges: [edge("in", "mid"), edge("mid", "out")],
    }),
  );
  await enter(node, "source", ["in"]);
  await enter(node, "first", ["mid", "out"]);
  await enter(node, "second", ["mid", "out"]);
  const { assignments, sidecars } = node.replicated.state;
  const runs = (id: string) => assignments.of(id).length > 0;
  assertEquals(runs("first"), !runs("second"));
  const [loser, heir] = runs("first")
    ? ["first", "second"] as const
    : ["second", "first"] as const;
  await cluster.time.advance(2_000);
  for (const sidecarId of ["source", heir]) {
    await beaten(cluster, node, { sidecarId });
  }
  await cluster.time.advance(1_000 + leaseSweepMs);
  await until(() => sidecars.get(loser)?.expired);
  const told = await beaten(cluster, node, { sidecarId: heir });
  assertEquals(inShort(told), ["assign orders mid,out"]);
  const { commands } = await beaten(cluster, node, { sidecarId: "source" });
  const mid = commands[0]?.assign?.stages.find(({ stageId }) =>
    stageId === "mid"
  );
  assertEquals(mid?.remoteSidecar?.sidecarId, heir);
});

Deno.test("deregisterSidecar() takes a sidecar out; with drain it first gets nothing new", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await create(node);
  const { registrationId } = await enter(node, "s", ["in", "out"]);
  const leave = (drain: boolean, registrationId = "") =>
    node.calls.unary(methods.deregisterSidecar, {
      sidecarId: "s",
      drain,
      registrationId,
    }, { metadata: { [requestIdKey]: new Uint8Array(16).fill(8) } });
  await leave(true);
  assertEquals(inShort(await beat(node, { sidecarId: "s" })), [
    "revoke orders",
    "drain true",
  ]);
  assertEquals(inShort(await beat(node, { sidecarId: "s" })), []);
  await rejection(leave(false, "another"), Code.FailedPrecondition);
  for (let time = 0; time < 2; time++) {
    assertEquals((await leave(false, registrationId)).message.success, true);
  }
  assertEquals((await beat(node, { sidecarId: "s" })).acknowledged, false);
  const error = await rejection(leave(false), Code.NotFound);
  assert(error.message.includes('"s"'), error.message);
});

Deno.test("watchPipelineAssignments() tells the present assignments, then each change of its sidecar", async () => {
  await using cluster = await StateCluster.start(3);
  const node = cluster.node(await cluster.follower());
  const leader = cluster.node(await cluster.raft.leader());
  const leaving = new AbortController();
  const watch = (sidecarId: string): AsyncIterator<PipelineAssignmentEvent> => {
    const requests = new Feed<MessageInit<WatchAssignmentsRequest>>();
    requests.push({ sidecarId });
    return node.calls.stream(methods.watchPipelineAssignments, requests, {
      signal: leaving.signal,
    })[Symbol.asyncIterator]();
  };
  const error = await rejection(watch("s").next(), Code.NotFound);
  assert(error.message.includes('"s"'), error.message);
  await create(leader);
  await enter(leader, "s", ["in", "out"]);
  const events = watch("s");
  const told = async () => {
    const { eventType, assignment } = (await events.next()).value;
    return `${EventType[eventType]} ${assignment?.pipelineId}`;
  };
  assertEquals(await told(), "Assigned orders");
  // The first change behind those that were told: none may be passed over.
  await create(leader, pipelineConfig({ id: "more" }));
  await enter(leader, "other", ["else"]);
  await leader.calls.unary(adminService.methods.updatePipeline, {
    pipelineId: "more",
    config: pipelineConfig({
      id: "more",
      stages: [
        stage("in", "source"),
        stage("end", "sink", {
          serviceSelector: stage("out", "sink").serviceSelector,
        }),
      ],
      edges: [edge("in", "end")],
    }),
  });
  await leader.calls.unary(adminService.methods.disablePipeline, {
    pipelineId: "orders",
  });
  assertEquals([await told(), await told(), await told()], [
    "Assigned more",
    "Updated more",
    "Revoked orders",
  ]);
  leaving.abort();
  await events.return?.();
});

for (
  const { code, lose } of [
    {
      code: Code.FailedPrecondition,
      lose: async (node: StateNode) => void await enter(node, "s", []),
    },
    {
      code: Code.NotFound,
      lose: async (node: StateNode) =>
        void await node.calls.unary(methods.deregisterSidecar, {
          sidecarId: "s",
        }),
    },
  ]
) {
  Deno.test(`watchPipelineAssignments() of a registration ends with ${Code[code]} when that is lost`, async () => {
    await using cluster = await StateCluster.start(1);
    const node = cluster.node(1);
    await create(node);
    const { registrationId } = await enter(node, "s", ["in", "out"]);
    const watch = () => {
      const requests = new Feed<MessageInit<WatchAssignmentsRequest>>();
      requests.push({ sidecarId: "s", registrationId });
      return node.calls.stream(methods.watchPipelineAssignments, requests)
        [Symbol.asyncIterator]();
    };
    const events = watch();
    assertEquals((await events.next()).value?.eventType, EventType.Assigned);
    // Another's registration, and health that changes, are nothing to it.
    await enter(node, "other", ["in"]);
    await beat(node, {
      sidecarId: "s",
      serviceHealth: [{ serviceName: "out", healthy: false }],
    });
    assertEquals((await events.next()).value?.eventType, EventType.Updated);
    await lose(node);
    const ended = async (): Promise<void> => {
      while (!(await events.next()).done);
    };
    for (const call of [ended(), watch().next()]) {
      const error = await rejection(call, code);
      assert(error.message.includes('"s"'), error.message);
    }
  });
}
