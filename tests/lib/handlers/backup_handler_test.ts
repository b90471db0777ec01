import { assert, assertEquals, assertRejects } from "@std/assert";
import { BackupClient } from "../../../clients/backup_client.ts";
import { MemoryBackups } from "../../../lib/backup/memory_backups.ts";
import { Code } from "../../../lib/errors.ts";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import {
  BackupHandler,
  backupService,
} from "../../../lib/handlers/backup_handler.ts";
import { checkpointService } from "../../../lib/handlers/checkpoint_handler.ts";
import { registryService } from "../../../lib/handlers/registry_handler.ts";
import { restoreIdleMs } from "../../../lib/limits.ts";
import { requestIdKey } from "../../../lib/metadata_keys.ts";
import { State } from "../../../lib/state/state.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import {
  CompressionType,
  type DataChunk,
} from "../../../proto/messages/backup.ts";
import { LeaseKind } from "../../../proto/messages/state.ts";
import { allOf, backupBytes, inPieces } from "../../fixtures/backups.ts";
import { Feed } from "../../fixtures/feed.ts";
import { Loopback } from "../../fixtures/loopback.ts";
import { bytesOf } from "../../fixtures/machine.ts";
import { until } from "../../fixtures/metadata_cluster.ts";
import { pipelineConfig } from "../../fixtures/pipelines.ts";
import { ServiceWatch } from "../../fixtures/registry_calls.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { register } from "../../fixtures/services.ts";
import { StateCluster, type StateNode } from "../../fixtures/state_cluster.ts";

const { methods } = backupService;

function snapshotOf(node: StateNode): Uint8Array {
  return bytesOf(node.replicated.state.snapshot());
}

/** A cluster with something of each kind. */
async function fill(node: StateNode): Promise<void> {
  for (let at = 0; at < 200; at++) await register(node, `svc-${at}`);
  const { calls } = node;
  await calls.unary(adminService.methods.createPipeline, {
    config: pipelineConfig(),
  });
  await calls.unary(registryService.methods.joinGroup, {
    serviceId: "svc-1",
    groupId: "g",
  });
  await calls.unary(checkpointService.methods.commitOffset, {
    sourceId: "in",
    partition: 2,
    offset: 2n ** 64n - 2n,
  });
  await calls.unary(checkpointService.methods.saveCheckpoint, {
    serviceId: "svc-1",
    data: new Uint8Array(600_000).fill(9),
  });
}

Deno.test("a backup of a loaded cluster restores into an empty one of another size, on every node alike", async () => {
  await using from = await StateCluster.start(1);
  await using to = await StateCluster.start(3);
  const source = new BackupClient(from.node(1).calls);
  await fill(from.node(1));
  const { snapshotId, sizeBytes, commitIndex } = await source.create("full");
  assertEquals(snapshotId, "full");
  const { metadata } = from.node(1).replicated;
  assertEquals(commitIndex, BigInt(metadata.appliedIndex));
  const [info] = await source.list();
  assertEquals([info?.snapshotId, info?.sizeBytes], ["full", sizeBytes]);

  const node = to.node(await to.follower());
  const target = new BackupClient(node.calls);
  const uploaded = await target.upload(source.download("full"));
  const checked = await target.validate(uploaded);
  assertEquals(checked.state?.serviceCount, 200);
  assertEquals(node.replicated.state.services.size, 0);
  const { message, state } = await target.restore(uploaded);
  assert(message.includes("200 services and 1 pipelines"), message);
  assertEquals(state?.pipelineCount, 1);
  const expected = snapshotOf(from.node(1));
  assertEquals(snapshotOf(node), expected);
  await until(() =>
    to.ids.every((id) => to.node(id).replicated.state.services.size === 200)
  );
  for (const id of to.ids) assertEquals(snapshotOf(to.node(id)), expected);
});

Deno.test("a restored cluster goes on: watchers start again, leases run, groups get new generations", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const client = new BackupClient(node.calls);
  const { registrationId } = await register(node, "kept");
  const join = () =>
    node.calls.unary(registryService.methods.joinGroup, {
      serviceId: "kept",
      groupId: "g",
    });
  const { message: before } = await join();
  await client.create("one");
  await register(node, "later");
  await using watch = new ServiceWatch(node);
  assertEquals(await watch.told(2), ["Added kept", "Added later"]);
  const cut = rejection(watch.next(), Code.Aborted);
  await client.restore("one");
  await cut;
  await using anew = new ServiceWatch(node);
  assertEquals(await anew.told(1), ["Added kept"]);
  await node.calls.unary(registryService.methods.leaveGroup, {
    serviceId: "kept",
    groupId: "g",
  });
  const { message: after } = await join();
  assert(after.generation > before.generation);
  await until(() => {
    try {
      return node.leases.renewAll([]);
    } catch {
      void cluster.time.advance(250);
      return false;
    }
  });
  const lease = { kind: 1, id: "kept", registrationId };
  assertEquals((await node.leases.renew(lease)).kind, "renewed");
  await cluster.time.advance(3_500);
  await until(() => node.replicated.state.services.get("kept")?.expired);
});

Deno.test("streamSnapshot() sends gzip and Zstandard too, and uploadSnapshot() takes them", async () => {
  await using cluster = await StateCluster.start(1);
  const client = new BackupClient(cluster.node(1).calls);
  await fill(cluster.node(1));
  await client.create("a");
  const plain = await allOf(client.download("a"));
  for (const compression of [CompressionType.Gzip, CompressionType.Zstd]) {
    const small = await allOf(client.download("a", { compression }));
    assert(small.length < plain.length / 4);
    const id = await client.upload(inPieces(small));
    assertEquals(await allOf(client.download(id)), plain);
  }
});

Deno.test("uploadSnapshot() keeps nothing that is damaged, cut short, out of order or newer", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const client = new BackupClient(calls);
  const bytes = backupBytes(20);
  const damaged = bytes.slice();
  damaged[200]! ^= 1;
  for (const bad of [damaged, bytes.subarray(0, -3), new Uint8Array(0)]) {
    await rejection(client.upload(inPieces(bad)), Code.DataLoss);
  }
  const upload = (...chunks: MessageInit<DataChunk>[]) => {
    const feed = new Feed<MessageInit<DataChunk>>();
    feed.push(...chunks);
    feed.end();
    return Array.fromAsync(calls.stream(methods.uploadSnapshot, feed));
  };
  const whole = { data: bytes, offset: 0n, isLast: true };
  await rejection(upload({ ...whole, offset: 1n }), Code.DataLoss);
  await rejection(upload({ ...whole, isLast: false }), Code.DataLoss);
  await rejection(upload(whole, { isLast: true }), Code.DataLoss);
  assertEquals(await client.list(), []);
  await upload(whole);
  assertEquals((await client.list()).length, 1);
});

Deno.test("what is unknown is NotFound with its name, and a name in use AlreadyExists", async () => {
  await using cluster = await StateCluster.start(1);
  const client = new BackupClient(cluster.node(1).calls);
  for (
    const call of [
      () => client.restore("none"),
      () => client.validate("none"),
      () => allOf(client.download("none")),
    ]
  ) {
    const error = await rejection(call(), Code.NotFound);
    assert(error.message.includes('"none"'), error.message);
  }
  assertEquals(await client.delete("none"), false);
  await client.create("a");
  await rejection(client.create("a"), Code.AlreadyExists);
  await rejection(client.create("../a"), Code.InvalidArgument);
  assertEquals(await client.delete("a"), true);
  assertEquals(await client.list(), []);
  const { serviceCount, version } = await client.stateMetadata();
  assertEquals([serviceCount, version], [0, "1"]);
});

/** Backups of which the second reading waits behind its first piece. */
class HeldBackups extends MemoryBackups {
  readonly begun = Promise.withResolvers<void>();
  readonly held = Promise.withResolvers<void>();
  #readings = 0;

  override async *read(id: string): AsyncGenerator<Uint8Array, void, void> {
    const reading = ++this.#readings;
    for await (const piece of super.read(id)) {
      yield piece;
      if (reading !== 2) continue;
      this.begun.resolve();
      await this.held.promise;
    }
  }
}

Deno.test("a restoration that another one overtakes changes nothing", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const store = new HeldBackups();
  const handler = new BackupHandler(node.replicated, store);
  const client = new BackupClient(new Loopback().add(backupService, handler));
  await fill(node);
  await client.create("a");
  await register(node, "later");
  const refused = rejection(client.restore("a"), Code.FailedPrecondition);
  await store.begun.promise;
  await node.replicated.change("begin another", {
    beginRestore: { restoreId: "another" },
  });
  store.held.resolve();
  const { message } = await refused;
  assert(message.includes("another one took its place"), message);
  assertEquals(node.replicated.state.services.size, 201);
  await client.close();
});

Deno.test("a restoration is answered once its pipelines run at the router that was asked", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const asked = Promise.withResolvers<void>();
  const running = Promise.withResolvers<void>();
  const handler = new BackupHandler(
    node.replicated,
    new MemoryBackups(),
    () => {
      asked.resolve();
      return running.promise;
    },
  );
  const client = new BackupClient(new Loopback().add(backupService, handler));
  await fill(node);
  await client.create("a");
  await register(node, "later");
  await client.validate("a");
  let answered = false;
  const restored = client.restore("a").then(() => answered = true);
  await Promise.race([asked.promise, restored]);
  assertEquals(node.replicated.state.services.size, 200);
  assertEquals(answered, false);
  running.resolve();
  await restored;
  await client.close();
});

/** Backups of which the second reading fails behind its first piece. */
class FailingBackups extends MemoryBackups {
  #readings = 0;

  override async *read(id: string): AsyncGenerator<Uint8Array, void, void> {
    const reading = ++this.#readings;
    for await (const piece of super.read(id)) {
      yield piece;
      if (reading === 2) throw new Error("the disk cannot be read");
    }
  }
}

Deno.test("a restoration that fails on the way changes nothing, and leaves nothing behind", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const handler = new BackupHandler(node.replicated, new FailingBackups());
  const client = new BackupClient(new Loopback().add(backupService, handler));
  await fill(node);
  await client.create("a");
  await register(node, "later");
  await assertRejects(() => client.restore("a"), Error, "the disk");
  const { state } = node.replicated;
  assertEquals(state.services.size, 201);
  await until(() =>
    state.leases().every(({ lease }) => lease.kind !== LeaseKind.Restore)
  );
  await client.close();
});

Deno.test("a restoration whose node died is given up, one whose parts come is not", async () => {
  await using cluster = await StateCluster.start(3);
  const leader = await cluster.raft.leader();
  const { replicated, leases } = cluster.node(leader);
  await until(() => {
    try {
      return leases.renewAll([]);
    } catch {
      return false;
    }
  });
  const isThere = () =>
    replicated.state.leases().some(({ lease }) =>
      lease.kind === LeaseKind.Restore
    );
  const restoreId = "r";
  await replicated.change("begin", { beginRestore: { restoreId } });
  const bytes = bytesOf(new State().snapshot());
  for (let part = 0; part < 3; part++) {
    await cluster.time.advance(restoreIdleMs - 1);
    const data = bytes.slice(part, part + 1);
    const restorePart = { restoreId, part, data };
    await replicated.change("go on", { restorePart });
  }
  assert(isThere());
  await cluster.time.advance(2 * restoreIdleMs);
  await until(() => !isThere());
  const late = replicated.change("end", { finishRestore: { restoreId } });
  const error = await rejection(late, Code.FailedPrecondition);
  assert(error.message.includes("it was given up"), error.message);
});

Deno.test("createSnapshot() repeated under one request id makes one snapshot", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const create = async () =>
    (await calls.unary(methods.createSnapshot, {}, {
      metadata: { [requestIdKey]: new Uint8Array(16).fill(5) },
    })).message;
  const first = await create();
  await register(cluster.node(1), "later");
  assertEquals(await create(), first);
  assertEquals((await new BackupClient(calls).list()).length, 1);
});
