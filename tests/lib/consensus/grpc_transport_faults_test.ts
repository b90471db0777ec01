/**
 * Nodes and networks that fail. grpc-js leaves timers of an attempt to connect running when it is
 * given up (they keep no process alive), so this file is without the leak checks that all others
 * have.
 */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../../lib/clock.ts";
import { Code } from "../../../lib/errors.ts";
import { PeerLink, redialPolicy } from "../../../lib/consensus/peer_link.ts";
import { append, heartbeat } from "../../fixtures/raft_messages.ts";
import { RaftPeer } from "../../fixtures/raft_peer.ts";
import { TcpProxy } from "../../fixtures/tcp_proxy.ts";

const unchecked = { sanitizeOps: false, sanitizeResources: false };

const portOf = (url: string): number => Number(new URL(url).port);

/** Sends a heartbeat from 1 to 2 until it is there, as often as the transport says it was lost. */
async function deliver(
  one: RaftPeer,
  two: RaftPeer,
  commit: number,
): Promise<void> {
  const arrived = (): boolean => two.received.at(-1)?.commit === commit;
  while (!arrived()) {
    const lost = one.count("unreachable");
    one.transport.send([heartbeat(1, 2, commit)]);
    await Promise.race([
      two.until(arrived),
      one.until(() => one.count("unreachable") > lost),
    ]);
  }
}

/** Node 1 has a stream to node 2, through a proxy. */
async function connected(
  proxy: TcpProxy,
  one: RaftPeer,
  two: RaftPeer,
): Promise<void> {
  one.transport.setPeers(new Map([[2, proxy.url]]));
  one.transport.send([heartbeat(1, 2, 1)]);
  await two.until(() => two.received.length === 1);
}

Deno.test(
  "a node whose incarnation went back is neither heard nor told anything",
  unchecked,
  async () => {
    await using two = await RaftPeer.start(2);
    {
      await using one = await RaftPeer.start(1, { incarnation: 5 });
      one.transport.setPeers(new Map([[2, two.url]]));
      one.transport.send([heartbeat(1, 2, 1)]);
      await two.until(() => two.received.length === 1);
    }
    await using wiped = await RaftPeer.start(1, { incarnation: 1 });
    wiped.transport.setPeers(new Map([[2, two.url]]));
    await wiped.until(() => wiped.count("refused") > 0);
    const refused = wiped.told.find(({ kind }) => kind === "refused");
    assert(refused?.kind === "refused");
    assertEquals(refused.error.code, Code.FailedPrecondition);
    assert(
      refused.error.message.includes("its disk was wiped"),
      refused.error.message,
    );
    two.transport.setPeers(new Map([[1, wiped.url]]));
    two.transport.send([heartbeat(2, 1, 1)]);
    await two.until(() => two.count("unreachable") > 0);
    assertEquals(wiped.received, []);
  },
);

Deno.test(
  "a cut connection is told at once and replaced",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    await using two = await RaftPeer.start(2);
    await using proxy = new TcpProxy(portOf(two.url));
    await connected(proxy, one, two);
    for (let round = 2; round < 6; round++) {
      const told = one.told.length;
      proxy.cut();
      await one.until(() => one.told.length > told);
      assertEquals(one.told.at(-1), {
        kind: "unreachable",
        node: 2,
        broken: true,
      });
      await two.until(() => two.admitted.length === round);
      one.transport.send([heartbeat(1, 2, round)]);
      await two.until(() => two.received.at(-1)?.commit === round);
    }
    const streams = two.admitted.map(({ stream }) => stream);
    assertEquals(streams, streams.toSorted((a, b) => a - b));
  },
);

Deno.test(
  "messages to a peer that is not there are dropped and told",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    one.transport.setPeers(new Map([[2, "http://127.0.0.1:1"]]));
    one.transport.send([heartbeat(1, 2, 1)]);
    await one.until(() => one.count("unreachable") > 0);
    const told = one.told.length;
    one.transport.send([heartbeat(1, 2, 2), heartbeat(1, 2, 3)]);
    await one.until(() => one.told.length > told);
    assert(
      one.told.every((each) => each.kind === "unreachable" && each.broken),
    );
  },
);

Deno.test(
  "a half-open connection is found within the given time",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1, {
      transport: { peerDeadMs: 300 },
    });
    await using two = await RaftPeer.start(2);
    await using proxy = new TcpProxy(portOf(two.url));
    await connected(proxy, one, two);
    proxy.hold();
    const heldMs = systemClock.monotonicMs();
    await one.until(() => one.count("unreachable") > 0);
    const foundMs = systemClock.monotonicMs() - heldMs;
    assert(foundMs < 5_000, `after ${foundMs} ms`);
    proxy.release();
    await two.until(() => two.admitted.length > 1);
    one.transport.send([heartbeat(1, 2, 2)]);
    await two.until(() => two.received.at(-1)?.commit === 2);
  },
);

Deno.test(
  "frames that hang in an old stream are not delivered after those of a new one",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1, {
      transport: { peerDeadMs: 200 },
    });
    await using two = await RaftPeer.start(2);
    await using slow = new TcpProxy(portOf(two.url));
    await connected(slow, one, two);
    slow.hold();
    for (let i = 0; i < 50; i++) one.transport.send([append(1, 2, i, 1, 100)]);
    await one.until(() => one.count("unreachable") > 0);
    one.transport.setPeers(new Map([[2, two.url]]));
    await deliver(one, two, 2);
    slow.release();
    for (let commit = 3; commit < 20; commit++) {
      await deliver(one, two, commit);
    }
    assertEquals(two.received.filter(({ type }) => type === "MsgApp"), []);
  },
);

Deno.test(
  "a peer that is heard is dialled at once, however long the pause",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    await using two = await RaftPeer.start(2);
    const { host } = new URL(two.url);
    await two[Symbol.asyncDispose]();
    const link = new PeerLink(
      { peer: 2, url: two.url, connect: {}, gate: one.gate },
      one,
      { ...redialPolicy, initialBackoffMs: 1e9, maxBackoffMs: 1e9 },
    );
    one.gate.onAdmitted = () => link.heard();
    await one.until(() => one.count("unreachable") > 0);
    await using again = await RaftPeer.start(2, { address: host });
    again.transport.setPeers(new Map([[1, one.url]]));
    await again.until(() => again.admitted.some(({ stream }) => stream > 0));
    await link.close();
  },
);

Deno.test(
  "a peer that takes connections and says nothing gets nothing late, and is dialled again when heard",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    await using two = await RaftPeer.start(2);
    await using proxy = new TcpProxy(portOf(two.url));
    proxy.hold();
    one.transport.setPeers(new Map([[2, proxy.url]]));
    one.transport.send([heartbeat(1, 2, 1)]);
    // Silent for the second time, and the attempt is not yet given up.
    let before = Infinity;
    await one.until(() => {
      if (proxy.accepted === 1) before = one.count("unreachable");
      return one.count("unreachable") > before + 1;
    });
    const { accepted } = proxy;
    two.transport.setPeers(new Map([[1, one.url]]));
    await one.until(() => one.admitted.length > 0);
    proxy.release();
    await two.until(() => two.admitted.some(({ stream }) => stream > 0));
    assert(proxy.accepted > accepted);
    one.transport.send([heartbeat(1, 2, 2)]);
    await two.until(() => two.received.length > 0);
    assertEquals(two.received, [heartbeat(1, 2, 2)]);
  },
);

Deno.test(
  "damaged bytes on the way change nothing, and end the stream",
  unchecked,
  async () => {
    await using one = await RaftPeer.start(1);
    await using two = await RaftPeer.start(2);
    await using proxy = new TcpProxy(portOf(two.url));
    await connected(proxy, one, two);
    const entry = new Uint8Array(5_000).fill(0xa5);
    let damaged = 0;
    proxy.tamper = (bytes) => {
      const at = bytes.indexOf(0xa5, 2_000);
      if (at < 0) return;
      bytes[at]! ^= 1;
      damaged++;
    };
    proxy.cut();
    await two.until(() => two.admitted.length === 2);
    one.transport.send([{
      ...append(1, 2, 1, 0, 0),
      entries: [{ term: 3, index: 2, type: "normal", data: entry }],
    }]);
    await two.until(() => two.admitted.length === 3);
    assert(damaged > 0);
    assertEquals(one.count("refused"), 0);
    assertEquals(two.received.length, 1);
  },
);
