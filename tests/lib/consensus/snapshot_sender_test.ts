/**
 * Snapshots from one node to another over real sockets. Without leak checks, for the reason that
 * grpc_transport_faults_test.ts gives.
 */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../../lib/clock.ts";
import { snapshotAttempts } from "../../../lib/limits.ts";
import { heartbeat } from "../../fixtures/raft_messages.ts";
import { snapshotOf } from "../../fixtures/outgoing_snapshot.ts";
import { RaftPeer, type Told } from "../../fixtures/raft_peer.ts";
import { TcpProxy } from "../../fixtures/tcp_proxy.ts";

const unchecked = { sanitizeOps: false, sanitizeResources: false };
const done = (ok: boolean): Told => ({ kind: "snapshotDone", node: 2, ok });

Deno.test(
  "sendSnapshot() hands a snapshot over, and tells both sides once",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    await using two = await RaftPeer.start(2);
    one.transport.setPeers(new Map([[2, two.url]]));
    const { message, manifest, chunks, begun } = snapshotOf(3_000_001);
    one.transport.sendSnapshot(message, manifest, chunks);
    await one.until(() => one.told.length > 0);
    assertEquals(one.told, [done(true)]);
    assertEquals(two.told, [{ kind: "snapshot", message, manifest }]);
    assertEquals(begun, [0]);
  },
);

Deno.test(
  "sendSnapshot() goes on where the peer stands after each cut",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    await using two = await RaftPeer.start(2);
    await using proxy = new TcpProxy(Number(new URL(two.url).port));
    one.transport.setPeers(new Map([[2, proxy.url]]));
    const megabytes = 32;
    const snapshot = snapshotOf(megabytes * 1024 * 1024);
    const { message, manifest, chunks, begun } = snapshot;
    proxy.cutAfterBytes = 5 * 1024 * 1024;
    one.transport.sendSnapshot(message, manifest, chunks);
    await one.until(() => one.count("snapshotDone") > 0);
    assertEquals(one.told.filter(({ kind }) => kind === "snapshotDone"), [
      done(true),
    ]);
    assertEquals(two.told, [{ kind: "snapshot", message, manifest }]);
    assert(begun.length >= 6, `begun at ${begun}`);
    // Each attempt brought it further: nothing but what was under way was sent twice.
    for (let i = 1; i < begun.length; i++) {
      assert(begun[i]! >= begun[i - 1]! + 8, `begun at ${begun}`);
    }
  },
);

Deno.test(
  "sendSnapshot() finds a connection that is half open, and goes on over another",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1, {
      transport: { peerDeadMs: 500, snapshotBytesPerSecond: 4_000_000 },
    });
    await using two = await RaftPeer.start(2);
    await using proxy = new TcpProxy(Number(new URL(two.url).port));
    one.transport.setPeers(new Map([[2, proxy.url]]));
    const { message, manifest, chunks } = snapshotOf(2_000_000);
    one.transport.sendSnapshot(message, manifest, chunks);
    await two.until(() => two.admitted.some(({ stream }) => stream > 1));
    // What was begun can never end over this connection.
    proxy.freeze();
    await one.until(() => one.count("snapshotDone") > 0);
    assertEquals(one.told.at(-1), done(true));
    assertEquals(two.told, [{ kind: "snapshot", message, manifest }]);
  },
);

Deno.test(
  "sendSnapshot() sends no faster than the limit, and heartbeats go beside it",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1, {
      transport: { snapshotBytesPerSecond: 4_000_000 },
    });
    await using two = await RaftPeer.start(2);
    one.transport.setPeers(new Map([[2, two.url]]));
    const { message, manifest, chunks } = snapshotOf(2_000_000);
    const startedMs = systemClock.monotonicMs();
    one.transport.sendSnapshot(message, manifest, chunks);
    one.transport.send([heartbeat(1, 2, 1)]);
    await two.until(() => two.received.length === 1);
    assertEquals(two.told, []);
    await one.until(() => one.told.length > 0);
    assertEquals(one.told, [done(true)]);
    // All but the last chunk have waited for their turn.
    assert(systemClock.monotonicMs() - startedMs > 400);
  },
);

Deno.test(
  "sendSnapshot() tells that it failed when the peer is gone for good",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    one.transport.setPeers(new Map([[2, "http://127.0.0.1:1"]]));
    const { message, manifest, chunks, begun } = snapshotOf(1_000);
    one.transport.sendSnapshot(message, manifest, chunks);
    await one.until(() => one.count("snapshotDone") > 0);
    assertEquals(one.told.filter(({ kind }) => kind === "snapshotDone"), [
      done(false),
    ]);
    assertEquals(begun, []);
    one.transport.sendSnapshot(
      { ...message, to: 9 },
      manifest,
      chunks,
    );
    await one.until(() => one.count("snapshotDone") > 1);
    assert(
      one.told.some((each) => each.kind === "snapshotDone" && each.node === 9),
    );
  },
);

Deno.test(
  "sendSnapshot() gives up at once when its own chunks cannot be read",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    await using two = await RaftPeer.start(2);
    one.transport.setPeers(new Map([[2, two.url]]));
    const { message, manifest, data } = snapshotOf(1_000_000);
    let reads = 0;
    one.transport.sendSnapshot(message, manifest, async function* (from) {
      reads++;
      yield* data.slice(from, 2);
      await Promise.resolve();
      throw new Error("the disk is damaged");
    });
    await one.until(() => one.told.length > 0);
    assertEquals(one.told, [done(false)]);
    assertEquals(reads, 1);
    assertEquals(two.told, []);
  },
);

Deno.test(
  "a snapshot whose chunks do not fit the manifest is dropped, and never handed on",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    await using two = await RaftPeer.start(2);
    one.transport.setPeers(new Map([[2, two.url]]));
    const { message, manifest, data } = snapshotOf(1_000_000);
    const begun: number[] = [];
    one.transport.sendSnapshot(message, manifest, async function* (from) {
      begun.push(from);
      for (const chunk of data.slice(from)) {
        await Promise.resolve();
        yield chunk.map((byte) => byte ^ 1);
      }
    });
    await one.until(() => one.told.length > 0);
    assertEquals(one.told, [done(false)]);
    assertEquals(begun.length, snapshotAttempts);
    assertEquals(two.told, []);
  },
);

Deno.test(
  "a later snapshot takes the place of the one under way",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1, {
      transport: { snapshotBytesPerSecond: 1_000_000 },
    });
    await using two = await RaftPeer.start(2);
    one.transport.setPeers(new Map([[2, two.url]]));
    const slow = snapshotOf(8_000_000);
    one.transport.sendSnapshot(slow.message, slow.manifest, slow.chunks);
    await two.until(() => two.admitted.some(({ stream }) => stream > 1));
    const later = snapshotOf(100_000, 20);
    one.transport.sendSnapshot(later.message, later.manifest, later.chunks);
    await two.until(() => two.told.length > 0);
    await one.until(() => one.told.length > 0);
    assertEquals(one.told, [done(true)]);
    assertEquals(two.told, [{
      kind: "snapshot",
      message: later.message,
      manifest: later.manifest,
    }]);
  },
);

Deno.test(
  "a node takes one snapshot at a time, that of the later term",
  unchecked,
  async () => {
    const rate = { transport: { snapshotBytesPerSecond: 1_000_000 } };
    await using one = await RaftPeer.start(1, rate);
    await using three = await RaftPeer.start(3, rate);
    await using two = await RaftPeer.start(2);
    one.transport.setPeers(new Map([[2, two.url]]));
    three.transport.setPeers(new Map([[2, two.url]]));
    const old = snapshotOf(8_000_000);
    one.transport.sendSnapshot(old.message, old.manifest, old.chunks);
    await two.until(() => two.admitted.some(({ stream }) => stream > 1));

    const same = snapshotOf(100_000, 20);
    const fromThree = { ...same.message, from: 3 };
    three.transport.sendSnapshot(fromThree, same.manifest, same.chunks);
    await three.until(() => three.told.length > 0);
    assertEquals(three.told, [done(false)]);

    const later = { ...fromThree, term: 4 };
    three.transport.sendSnapshot(later, same.manifest, same.chunks);
    await three.until(() => three.told.length > 1);
    assertEquals(three.told[1], done(true));
    assertEquals(two.told, [{
      kind: "snapshot",
      message: later,
      manifest: same.manifest,
    }]);
  },
);
