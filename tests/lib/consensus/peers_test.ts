import { assert, assertEquals } from "@std/assert";
import { Members } from "../../../lib/consensus/members.ts";
import { Peers } from "../../../lib/consensus/peers.ts";
import { knownPeersMax } from "../../../lib/limits.ts";
import type { Status } from "../../../lib/raft/types.ts";

const members = new Members(
  [1, 2, 3].map((id) => ({ id, address: `http://old-${id}`, removed: false })),
);

function statusOf(voters: readonly number[]): Status {
  return {
    id: 1,
    voters,
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
  } as unknown as Status;
}

Deno.test("Peers at() gives the others of the membership, or whom a node that joins was told of", () => {
  const peers = new Peers();
  const at = (voters: readonly number[]) => [
    ...peers.at(5, statusOf(voters), members),
  ];
  assertEquals(at([1, 3, 7]), [[3, "http://old-3"], [7, ""]]);
  assertEquals(at([]), [[2, "http://old-2"], [3, "http://old-3"]]);
});

Deno.test("Peers at() gives what a member said of itself until that index is applied", () => {
  const peers = new Peers();
  assert(peers.learn(9, "http://new-9", 8));
  assert(peers.learn(2, "http://new-2", 6));
  const at = (applied: number) => [
    ...peers.at(applied, statusOf([1, 2]), members),
  ];
  assertEquals(at(5), [[2, "http://new-2"], [9, "http://new-9"]]);
  assertEquals(at(6), [[2, "http://old-2"], [9, "http://new-9"]]);
  assertEquals(at(8), [[2, "http://old-2"]]);
});

Deno.test("Peers learn() says what is news, and takes nothing from before what it knows", () => {
  const peers = new Peers();
  assert(peers.learn(9, "http://a", 8));
  assert(!peers.learn(9, "http://a", 9));
  assert(!peers.learn(9, "http://b", 7));
  assert(peers.learn(9, "http://c", 10));
  assertEquals([...peers.at(0, statusOf([1]), members)], [[9, "http://c"]]);
});

Deno.test("Peers learn() forgets who was heard longest ago when there are too many", () => {
  const peers = new Peers();
  for (let id = 10; id <= knownPeersMax + 10; id++) peers.learn(id, "a", 5);
  const known = peers.at(0, statusOf([1]), members);
  assertEquals(known.size, knownPeersMax);
  assert(!known.has(10) && known.has(knownPeersMax + 10));
});
