import { assert, assertEquals, assertThrows } from "@std/assert";
import { PeerGate } from "../../../lib/consensus/peer_gate.ts";
import type { Hello, NodeStanding } from "../../../lib/consensus/transport.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { knownPeersMax } from "../../../lib/limits.ts";
import { helloOf } from "../../fixtures/raft_stream.ts";

const standing: NodeStanding = {
  clusterId: "test",
  nodeId: 2,
  incarnation: 3,
  storeId: "own",
  lastIndex: 40,
  lastTerm: 5,
  term: 6,
  address: "http://there:1",
  memberAt: 30,
};

function gateOf(admit: (hello: Hello) => void = () => {}): PeerGate {
  return new PeerGate({ standing: () => standing, admit });
}

function refusal(code: Code, call: () => unknown): string {
  const error = assertThrows(call, ConveyorError);
  assertEquals(Code[error.code], Code[code]);
  return error.message;
}

Deno.test("hello() numbers the streams, and tells of the log on those of messages alone", () => {
  const gate = gateOf();
  const claim = { lastIndex: 40, lastTerm: 5, term: 6 };
  const { address, memberAt } = standing;
  const own = { nodeId: 2, incarnation: 3, storeId: "own", address, memberAt };
  assertEquals(gate.hello("messages"), helloOf(1, { ...own, ...claim }));
  assertEquals(gate.hello("snapshot"), helloOf(2, own));
  assertEquals(gate.hello("messages"), helloOf(3, { ...own, ...claim }));
  assertEquals(gate.answer(), helloOf(0, own));
});

Deno.test("admit() lets one stream of each lane stand, the latest", async () => {
  const gate = gateOf();
  const first = gate.admit(helloOf(1), "messages");
  const snapshot = gate.admit(helloOf(2), "snapshot");
  const other = gate.admit(helloOf(1, { nodeId: 3 }), "messages");
  const second = gate.admit(helloOf(3), "messages");
  const lost = await first.lost.catch((error) => error.message);
  assertEquals(lost, "Cannot go on with this stream: stream 3 of node 1 came");
  assert(first.taken);
  // Leaving late does not take the place of the next.
  first.leave();
  assert(!snapshot.taken && !other.taken && !second.taken);
  for (const stream of [1, 2, 3]) {
    const message = refusal(
      Code.Aborted,
      () => gate.admit(helloOf(stream), "messages"),
    );
    assert(message.includes("stream 3 of it has been here"), message);
  }
  const restarted = helloOf(1, { incarnation: 2 });
  assert(!gate.admit(restarted, "messages").taken);
  assert(second.taken);
});

Deno.test("expel() ends the streams of one node, and it may ask again", async () => {
  const gate = gateOf();
  const messages = gate.admit(helloOf(1), "messages");
  const snapshot = gate.admit(helloOf(2), "snapshot");
  const other = gate.admit(helloOf(1, { nodeId: 3 }), "messages");
  gate.expel(1);
  for (const { lost } of [messages, snapshot]) {
    const reason = await lost.catch((error) => error.message);
    assertEquals(
      reason,
      "Cannot go on with this stream: node 1 is no peer",
    );
  }
  assert(messages.taken && snapshot.taken && !other.taken);
  assert(!gate.admit(helloOf(3), "messages").taken);
});

Deno.test("admit() refuses an incarnation that went back, in any lane and in answers", () => {
  const gate = gateOf();
  gate.admit(helloOf(1, { incarnation: 7 }), "messages");
  const wiped = helloOf(9, { incarnation: 6 });
  for (const lane of ["messages", "snapshot"] as const) {
    refusal(Code.FailedPrecondition, () => gate.admit(wiped, lane));
  }
  refusal(Code.FailedPrecondition, () => gate.admitAnswer(wiped, 1));
  gate.admitAnswer(helloOf(0, { incarnation: 8 }), 1);
  refusal(
    Code.FailedPrecondition,
    () => gate.admit(helloOf(2, { incarnation: 7 }), "messages"),
  );
});

Deno.test("admit() refuses another store under a node's id, in any lane, incarnation and answer", () => {
  const gate = gateOf();
  gate.admit(helloOf(1), "messages");
  for (const incarnation of [1, 2]) {
    const other = helloOf(9, { incarnation, storeId: "another" });
    for (const lane of ["messages", "snapshot"] as const) {
      const said = refusal(
        Code.AlreadyExists,
        () => gate.admit(other, lane),
      );
      assert(said.includes("another store than before"), said);
      assert(said.includes("stop node 2, take the line of node 1 out"), said);
      assert(said.includes('the file "met" in its data directory'), said);
    }
    refusal(Code.AlreadyExists, () => gate.admitAnswer(other, 1));
  }
  // What was refused is not what is known from then on.
  gate.admit(helloOf(2), "messages");
  // One of an earlier version does not tell.
  gate.admit(helloOf(3, { storeId: "" }), "messages");
  gate.admit(helloOf(9, { nodeId: 3, storeId: "" }), "messages");
  gate.admit(helloOf(10, { nodeId: 3, storeId: "its own" }), "messages");
});

Deno.test("storeOf() tells of this node, and of those that came", () => {
  const gate = gateOf();
  gate.admit(helloOf(1, { storeId: "first" }), "messages");
  assertEquals([1, 2, 3].map((id) => gate.storeOf(id)), ["first", "own", ""]);
});

Deno.test("admitAnswer() refuses another node than the one that was dialled", () => {
  refusal(Code.FailedPrecondition, () => gateOf().admitAnswer(helloOf(0), 3));
});

Deno.test("a stream that the node itself refuses leaves the one before in its place", () => {
  let member = true;
  const gate = gateOf(() => {
    if (!member) throw new ConveyorError(Code.NotFound, "Cannot admit it");
  });
  const first = gate.admit(helloOf(1), "messages");
  member = false;
  refusal(Code.NotFound, () => gate.admit(helloOf(2), "messages"));
  assert(!first.taken);
  member = true;
  gate.admit(helloOf(2), "messages");
  assert(first.taken);
});

Deno.test("onAdmitted is told of every stream that is let in, and of no other", () => {
  const gate = gateOf();
  const told: number[] = [];
  gate.onAdmitted = (nodeId) => told.push(nodeId);
  gate.admit(helloOf(1), "messages");
  gate.admit(helloOf(2, { nodeId: 3 }), "snapshot");
  refusal(Code.Aborted, () => gate.admit(helloOf(1), "messages"));
  gate.admitAnswer(helloOf(0, { nodeId: 4 }), 4);
  assertEquals(told, [1, 3]);
});

Deno.test("PeerGate forgets the peer heard longest ago when there are too many", () => {
  const gate = gateOf();
  const incarnations = (nodeId: number, incarnation: number): void =>
    gate.admit(helloOf(1, { nodeId, incarnation }), "messages").leave();
  for (let nodeId = 10; nodeId < 10 + knownPeersMax; nodeId++) {
    incarnations(nodeId, 5);
  }
  incarnations(10, 6);
  incarnations(1, 5);
  refusal(Code.FailedPrecondition, () => incarnations(10, 5));
  incarnations(11, 1);
});
