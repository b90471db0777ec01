/**
 * Two nodes over real sockets in one process, and nothing in between. Who dials is declared last, so
 * that it closes first: one that finds its peer's server gone leaves a timer of grpc-js.
 */
import { assert, assertEquals } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import type { Message } from "../../../lib/raft/types.ts";
import { append, heartbeat } from "../../fixtures/raft_messages.ts";
import { RaftPeer } from "../../fixtures/raft_peer.ts";

const appends = (messages: readonly Message[]): readonly number[] =>
  messages.filter(({ type }) => type === "MsgApp").map(({ index }) => index);

Deno.test("GrpcTransport carries messages both ways, in order", async () => {
  await using two = await RaftPeer.start(2);
  await using one = await RaftPeer.start(1);
  one.transport.setPeers(new Map([[2, two.url]]));
  two.transport.setPeers(new Map([[1, one.url]]));
  const count = 5_000;
  for (let i = 1; i <= count; i++) {
    one.transport.send([append(1, 2, i, 2, 100)]);
    if (i % 100 === 0) two.transport.send([heartbeat(2, 1, i)]);
    if (i % 1_000 === 0) await two.until(() => two.received.length === i);
  }
  await one.until(() => one.received.length === count / 100);
  assertEquals(
    appends(two.received),
    Array.from({ length: count }, (_, at) => at + 1),
  );
  assertEquals(two.received[0], append(1, 2, 1, 2, 100));
  assertEquals(one.received.at(-1), heartbeat(2, 1, count));
  assertEquals(one.told, []);
  await Promise.all([one.transport.close(), two.transport.close()]);
});

Deno.test("GrpcTransport keeps what is sent before the first connection stands", async () => {
  await using two = await RaftPeer.start(2);
  await using one = await RaftPeer.start(1);
  one.transport.setPeers(new Map([[2, two.url]]));
  one.transport.send([heartbeat(1, 2, 1)]);
  await two.until(() => two.received.length === 1);
  assertEquals(two.admitted.map(({ nodeId, stream }) => [nodeId, stream]), [
    [1, 1],
  ]);
});

Deno.test("setPeers() closes streams to who is gone and follows who moved", async () => {
  await using two = await RaftPeer.start(2);
  await using moved = await RaftPeer.start(2);
  await using one = await RaftPeer.start(1);
  one.transport.setPeers(new Map([[2, two.url]]));
  one.transport.send([heartbeat(1, 2, 1)]);
  await two.until(() => two.received.length === 1);

  one.transport.setPeers(new Map([[2, moved.url]]));
  one.transport.send([heartbeat(1, 2, 2)]);
  await moved.until(() => moved.received.length === 1);

  one.transport.setPeers(new Map());
  one.transport.send([heartbeat(1, 2, 3)]);
  assertEquals(moved.received.length + two.received.length, 2);
  assertEquals(one.told, []);
});

Deno.test("GrpcTransport is told why a peer refuses it, and asks again until it is let in", async () => {
  let member = false;
  await using two = await RaftPeer.start(2, {
    admit: ({ nodeId }) => {
      if (member) return;
      throw new ConveyorError(
        Code.NotFound,
        `Cannot admit node ${nodeId}: it is no member`,
      );
    },
  });
  await using one = await RaftPeer.start(1);
  one.transport.setPeers(new Map([[2, two.url]]));
  await one.until(() => one.count("refused") === 2);
  const [refused] = one.told.filter(({ kind }) => kind === "refused");
  assert(refused?.kind === "refused");
  assertEquals(refused.node, 2);
  assertEquals(refused.error.code, Code.NotFound);
  assert(refused.error.message.includes("it is no member"));
  member = true;
  await two.until(() => two.admitted.length === 1);
});

Deno.test("GrpcTransport is refused by a node of another cluster", async () => {
  await using two = await RaftPeer.start(2);
  await using one = await RaftPeer.start(1, { clusterId: "other" });
  one.transport.setPeers(new Map([[2, two.url]]));
  one.transport.send([heartbeat(1, 2, 1)]);
  await one.until(() => one.count("refused") > 0);
  const refused = one.told.find(({ kind }) => kind === "refused");
  assert(refused?.kind === "refused");
  assertEquals(refused.error.code, Code.PermissionDenied);
  const reason =
    'Cannot admit node 1: it belongs to cluster "other", this node to "test"';
  assert(refused.error.message.endsWith(reason), refused.error.message);
  assertEquals(two.received, []);
  assertEquals(two.admitted, []);
});

Deno.test("GrpcTransport sends nothing to another node than the one it dials", async () => {
  await using three = await RaftPeer.start(3);
  await using one = await RaftPeer.start(1);
  one.transport.setPeers(new Map([[2, three.url]]));
  one.transport.send([heartbeat(1, 2, 1)]);
  await one.until(() => one.count("unreachable") > 0);
  assertEquals(one.count("refused"), 0);
  assertEquals(three.received, []);
});

Deno.test("GrpcTransport speaks TLS, and shows its certificate", async () => {
  const pem = (name: string): string =>
    Deno.readTextFileSync(
      new URL(`../../fixtures/tls/${name}`, import.meta.url),
    );
  await using two = await RaftPeer.start(2, {
    server: {
      tls: {
        cert: pem("server.pem"),
        key: pem("server.key"),
        clientCa: pem("ca.pem"),
      },
    },
  });
  const tls = {
    ca: pem("ca.pem"),
    cert: pem("client.pem"),
    key: pem("client.key"),
    serverName: "conveyor.test",
  };
  await using one = await RaftPeer.start(1, { transport: { tls } });
  const url = two.url.replace("http:", "https:");
  one.transport.setPeers(new Map([[2, url]]));
  one.transport.send([heartbeat(1, 2, 1)]);
  await two.until(() => two.received.length === 1);
  assertEquals(one.told, []);
});

Deno.test("send() tells of a full queue once a turn, and loses nothing else", async () => {
  await using two = await RaftPeer.start(2);
  await using one = await RaftPeer.start(1);
  one.transport.setPeers(new Map([[2, two.url]]));
  const megabyte = (index: number): Message =>
    append(1, 2, index, 1, 1_000_000);
  for (let i = 1; i <= 50; i++) one.transport.send([megabyte(i)]);
  await one.until(() => one.told.length > 0);
  assertEquals(one.told, [{ kind: "unreachable", node: 2, broken: false }]);
  await two.until(() => two.received.length > 0);
  one.transport.send([heartbeat(1, 2, 7)]);
  await two.until(() =>
    two.received.at(-1)?.type === "MsgApp" &&
    two.received.some(({ type }) => type === "MsgHeartbeat")
  );
});
