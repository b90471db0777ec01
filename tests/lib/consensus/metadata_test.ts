import { assert, assertEquals, assertRejects } from "@std/assert";
import { within } from "../../../lib/consensus/within.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import {
  commandBytesMax,
  proposalsWaitingMax,
  readsWaitingMax,
} from "../../../lib/limits.ts";
import type { MemoryDisk } from "../../../lib/storage/memory_store.ts";
import { ListMachine } from "../../fixtures/list_machine.ts";
import {
  MetadataCluster,
  steadyLead,
  storesInMemory,
  until,
} from "../../fixtures/metadata_cluster.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const makeList = (): ListMachine => new ListMachine();

async function propose(
  cluster: MetadataCluster<string, ListMachine>,
  id: number,
  text: string,
  options: { requestId?: Uint8Array; signal?: AbortSignal } = {},
): Promise<string> {
  const { answer } = await cluster.metadata(id).propose(
    encoder.encode(text),
    options,
  );
  return decoder.decode(answer);
}

Deno.test("propose() on a single node leads at once and answers what was applied", async () => {
  await using cluster = await MetadataCluster.start(1, makeList);
  assertEquals(await propose(cluster, 1, "a"), "1");
  assertEquals(await propose(cluster, 1, "b"), "2");
  assertEquals(cluster.machine(1).list, ["a", "b"]);
});

Deno.test("propose() works on every node, and the proposer's state shows it", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  for (const id of cluster.ids) {
    await propose(cluster, id, `from ${id}`);
    assert(cluster.machine(id).list.includes(`from ${id}`));
  }
  await until(() =>
    cluster.ids.every((id) => cluster.machine(id).list.length === 3)
  );
  assertEquals(cluster.machine(1).list, cluster.machine(2).list);
  assertEquals(cluster.machine(2).list, cluster.machine(3).list);
});

Deno.test("propose() applies a repeated request once", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const requestId = new Uint8Array(16).fill(9);
  const answers = await Promise.all(
    [1, 2, 3, 1].map((id) => propose(cluster, id, "once", { requestId })),
  );
  answers.push(await propose(cluster, 2, "once", { requestId }));
  assertEquals(new Set(answers), new Set(["1"]));
});

Deno.test("propose() refuses a command that is too large before it enters the log", async () => {
  await using cluster = await MetadataCluster.start(1, makeList);
  await propose(cluster, 1, "a");
  const before = cluster.metadata(1).status().commit;
  const error = await assertRejects(
    () => cluster.metadata(1).propose(new Uint8Array(commandBytesMax + 1)),
    ConveyorError,
  );
  assertEquals(error.code, Code.InvalidArgument);
  assertEquals(error.details[0]?.field, "command");
  assertEquals(cluster.metadata(1).status().commit, before);
});

Deno.test("propose() survives the crash of the leader and loses nothing that was answered", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const answered: string[] = [];
  for (let round = 0; round < 3; round++) {
    const leader = await cluster.leader();
    const other = cluster.ids.find((id) => id !== leader)!;
    const writes = Array.from({ length: 20 }, async (_, at) => {
      await propose(cluster, other, `${round}.${at}`);
      answered.push(`${round}.${at}`);
    });
    await until(() => answered.length > round * 20 + 3);
    await cluster.crash(leader);
    await Promise.all(writes);
    await cluster.boot(leader);
  }
  assertEquals(answered.length, 60);
  await until(() =>
    cluster.ids.every((id) => cluster.machine(id).list.length === 60)
  );
  for (const id of cluster.ids) {
    assertEquals(new Set(cluster.machine(id).list), new Set(answered));
    assertEquals(cluster.machine(id).list, cluster.machine(1).list);
  }
});

Deno.test("read() sees on a follower what was answered elsewhere", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  for (let round = 0; round < 20; round++) {
    const writer = 1 + round % 3;
    const reader = 1 + (round + 1) % 3;
    await propose(cluster, writer, `${round}`);
    await cluster.metadata(reader).read();
    assertEquals(cluster.machine(reader).list.length, round + 1);
  }
});

Deno.test("a node without a quorum refuses at once, and serves again when it is back", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const leader = await cluster.leader();
  await propose(cluster, leader, "before");
  for (const id of cluster.ids) if (id !== leader) await cluster.crash(id);
  await until(() => cluster.metadata(leader).role.role !== "leader");
  for (
    const work of [
      () => propose(cluster, leader, "lost"),
      () => cluster.metadata(leader).read(),
    ]
  ) {
    const error = await assertRejects(work, ConveyorError);
    assertEquals(error.code, Code.Unavailable);
  }
  for (const id of [1, 2, 3]) if (id !== leader) await cluster.boot(id);
  await cluster.leader();
  await propose(cluster, leader, "after");
  assertEquals(cluster.machine(leader).list.at(-1), "after");
});

Deno.test("a leader that is cut off answers no read and no write", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const leader = await cluster.leader();
  await propose(cluster, leader, "before");
  cluster.isolate(leader);
  const stale = cluster.metadata(leader).read({
    signal: AbortSignal.timeout(5_000),
  });
  const refused = assertRejects(() => stale, ConveyorError);
  const other = cluster.ids.find((id) => id !== leader)!;
  await until(() => ![0, leader].includes(cluster.metadata(other).role.lead));
  await propose(cluster, other, "without it");
  await refused;
  cluster.heal();
  await until(() => cluster.metadata(leader).role.lead !== 0);
  await cluster.metadata(leader).read();
  assertEquals(cluster.machine(leader).list, ["before", "without it"]);
});

Deno.test("reads and proposals that wait on one node are bounded, and what is more is refused at once", async () => {
  const cluster = await MetadataCluster.start(3, makeList, steadyLead);
  const leader = await cluster.leader();
  cluster.isolate(leader);
  const metadata = cluster.metadata(leader);
  const works: [number, () => Promise<unknown>][] = [
    [readsWaitingMax, () => metadata.read()],
    [proposalsWaitingMax, () => metadata.propose(encoder.encode("x"))],
  ];
  const waiting: Promise<unknown>[] = [];
  for (const [max, work] of works) {
    for (let count = 0; count < max; count++) waiting.push(work());
    const error = await assertRejects(work, ConveyorError);
    assertEquals(error.code, Code.ResourceExhausted);
  }
  const settled = Promise.allSettled(waiting);
  await cluster[Symbol.asyncDispose]();
  for (const { status } of await settled) assertEquals(status, "rejected");
});

Deno.test("propose() ends when its signal aborts", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const leader = await cluster.leader();
  cluster.isolate(leader);
  const controller = new AbortController();
  const waiting = propose(cluster, leader, "x", { signal: controller.signal });
  controller.abort();
  const error = await assertRejects(() => waiting, ConveyorError);
  assertEquals(error.code, Code.Canceled);
});

Deno.test("a node that is far behind is brought up by a snapshot", async () => {
  await using cluster = await MetadataCluster.start(3, makeList, {
    snapshotLogBytes: 2_000,
    logTailEntries: 5,
  });
  const leader = await cluster.leader();
  const behind = cluster.ids.find((id) => id !== leader)!;
  await cluster.crash(behind);
  for (let at = 0; at < 100; at++) await propose(cluster, leader, `${at}`);
  await until(() => cluster.store(leader).view.firstIndex() > 20);
  await cluster.boot(behind);
  await until(() => cluster.machine(behind).list.length === 100);
  assertEquals(cluster.machine(behind).list, cluster.machine(leader).list);
  assert(cluster.store(behind).view.firstIndex() > 20);
  // What it answered before the snapshot is known to it still.
  assertEquals(await propose(cluster, behind, "next"), "101");
});

Deno.test("a node restarts from its own snapshot and log", async () => {
  await using cluster = await MetadataCluster.start(1, makeList, {
    snapshotLogBytes: 1_000,
    logTailEntries: 5,
  });
  for (let at = 0; at < 50; at++) await propose(cluster, 1, `${at}`);
  await until(() => cluster.store(1).view.firstIndex() > 10);
  await cluster.crash(1);
  await cluster.boot(1);
  assertEquals(await propose(cluster, 1, "next"), "51");
  assertEquals(cluster.machine(1).list.length, 51);
});

Deno.test("a node whose disk was wiped stops for the loss when the leader speaks to it first", async () => {
  const disks = new Map<number, MemoryDisk>();
  await using cluster = await MetadataCluster.start(
    3,
    makeList,
    // Another leader would not know what the node has acknowledged.
    steadyLead,
    storesInMemory(disks),
  );
  const leader = await cluster.leader();
  const wiped = cluster.ids.find((id) => id !== leader)!;
  await propose(cluster, wiped, "a");
  await until(() => {
    const { peers, commit } = cluster.metadata(leader).status();
    return peers.find(({ id }) => id === wiped)!.match === commit;
  });
  const members = cluster.ids;
  await cluster.crash(wiped);
  disks.delete(wiped);
  await cluster.boot(wiped, members);
  const reason = await cluster.node(wiped).failed;
  assert(reason instanceof ConveyorError, String(reason));
  assertEquals(reason.code, Code.DataLoss);
  assert(reason.message.includes("under a new id"), reason.message);
});

Deno.test("a node whose id a peer knows with another store stops, unless it was led since its start", async () => {
  const refusal = new ConveyorError(Code.AlreadyExists, "another store");
  await using cluster = await MetadataCluster.start(3, makeList, steadyLead);
  await cluster.leader();
  cluster.across(1, 2)!.events.refused(3, refusal);
  assertEquals(await propose(cluster, 2, "a"), "1");
  await using alone = await MetadataCluster.start(1, makeList);
  await alone.boot(2, [1, 2, 3]);
  alone.across(1, 2)!.events.refused(3, refusal);
  assertEquals(await alone.node(2).failed, refusal);
});

Deno.test("changeMembership() takes a node in as a learner, then a voter, and out for good", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  await propose(cluster, 1, "a");
  const leader = await cluster.leader();
  const metadata = cluster.metadata(leader);
  await metadata.changeMembership(
    [{ type: "addLearner", nodeId: 4 }],
    "http://node-4:1",
  );
  await cluster.boot(4);
  await until(() => cluster.machine(4).list.length === 1);
  await metadata.changeMembership([{ type: "addNode", nodeId: 4 }]);
  await until(() => cluster.metadata(4).status().voters.length === 4);
  assertEquals(await propose(cluster, 4, "b"), "2");
  const elsewhere = await assertRejects(
    () =>
      cluster.metadata(4).changeMembership([{
        type: "removeNode",
        nodeId: 1,
      }]),
    ConveyorError,
  );
  assertEquals(elsewhere.metadata["conveyor-leader"], [
    `${leader} http://node-${leader}:1`,
  ]);
  await metadata.changeMembership([{ type: "removeNode", nodeId: 4 }]);
  const error = await assertRejects(
    () =>
      metadata.changeMembership(
        [{ type: "addNode", nodeId: 4 }],
        "http://other:1",
      ),
    ConveyorError,
  );
  assertEquals(error.code, Code.AlreadyExists);
});

Deno.test("close() of the leader hands the lead over before it stops", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const leader = await cluster.leader();
  await propose(cluster, leader, "a");
  const { metadata } = cluster.node(leader);
  await cluster.stop(leader);
  // A node that is stopped while it leads shows itself as leader for ever.
  assert(metadata.role.role !== "leader");
  const heir = await cluster.leader();
  assertEquals(await propose(cluster, heir, "b"), "2");
});

Deno.test("transferLeader() asks again when the heir has missed it", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  await propose(cluster, 1, "a");
  const leader = await cluster.leader();
  const heir = cluster.ids.find((id) => id !== leader)!;
  const metadata = cluster.metadata(leader);
  cluster.lose("MsgTimeoutNow");
  const handed = metadata.transferLeader(heir, 10_000);
  await until(() => metadata.status().leadTransferee === heir);
  await until(() => metadata.status().leadTransferee === 0);
  cluster.heal();
  assert(await handed);
});

Deno.test("transferLeader() asks an heir that is dead no more, so that the cluster decides again", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  await propose(cluster, 1, "a");
  const leader = await cluster.leader();
  const heir = cluster.ids.find((id) => id !== leader)!;
  await cluster.crash(heir);
  const metadata = cluster.metadata(leader);
  assertEquals(await metadata.transferLeader(heir, 600_000), false);
  assertEquals(metadata.status().leadTransferee, 0);
  assertEquals(await propose(cluster, leader, "b"), "2");
});

Deno.test("propose() on a node that stops meanwhile tells at once what the leader has applied", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const leader = await cluster.leader();
  const other = cluster.ids.find((id) => id !== leader)!;
  await until(() => cluster.metadata(other).role.lead === leader);
  // What it proposes arrives, and is applied, but it never hears of it.
  for (const id of cluster.ids) cluster.cut(id, other);
  const proposed = propose(cluster, other, "a");
  await until(() => cluster.machine(leader).list.length === 1);
  await cluster.stop(other);
  assertEquals(await proposed, "1");
});

Deno.test("watch() tells what is applied, on every node in the same order", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const end = new AbortController();
  const seen = cluster.ids.map(async (id) => {
    const texts: string[] = [];
    for await (
      const { event } of cluster.metadata(id).watch(1, end.signal)
    ) {
      texts.push(event);
      if (texts.length === 9) break;
    }
    return texts;
  });
  await Promise.all(
    [1, 2, 3, 1, 2, 3, 1, 2, 3].map((id, at) => propose(cluster, id, `${at}`)),
  );
  const [one, two, three] = await Promise.all(seen);
  assertEquals(one, two);
  assertEquals(two, three);
  assertEquals(new Set(one).size, 9);
});

Deno.test("propose() to a leader that hangs goes to the next one, and is applied once", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const leader = await cluster.leader();
  const other = cluster.ids.find((id) => id !== leader)!;
  await propose(cluster, other, "before");
  cluster.hang(leader);
  assertEquals(await propose(cluster, other, "after"), "2");
  cluster.heal();
  assertEquals(await propose(cluster, leader, "healed"), "3");
  assertEquals(cluster.machine(leader).list, ["before", "after", "healed"]);
});

Deno.test("atLeader() gives the work a new leader when the first is gone", async () => {
  await using cluster = await MetadataCluster.start(3, makeList);
  const first = await cluster.leader();
  const other = cluster.ids.find((id) => id !== first)!;
  const asked: (number | undefined)[] = [];
  const work = cluster.metadata(other).atLeader(async (leader, signal) => {
    asked.push(leader?.id);
    if (leader?.id !== first) return "done";
    cluster.isolate(first);
    return await within(new Promise<never>(() => {}), signal);
  });
  assertEquals(await work, "done");
  assertEquals(asked[0], first);
  const second = asked.at(-1) ?? other;
  assertEquals(second, cluster.metadata(other).role.lead);
});
