/**
 * A peer in a process of its own, killed in the middle of everything and started again. Without leak
 * checks, for the reason that grpc_transport_faults_test.ts gives.
 */
import { assert, assertEquals } from "@std/assert";
import { Child } from "../../fixtures/child.ts";
import { heartbeat } from "../../fixtures/raft_messages.ts";
import { RaftPeer } from "../../fixtures/raft_peer.ts";

const script = new URL("../../fixtures/raft_child.ts", import.meta.url);

Deno.test({
  name:
    "a peer that is killed and started again goes on in its new incarnation",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using one = await RaftPeer.start(1);
    let address = "127.0.0.1:0";
    for (let incarnation = 1; incarnation <= 3; incarnation++) {
      const lost = one.count("unreachable");
      {
        // Leaving this block kills it.
        await using child = new Child(
          script,
          one.url,
          String(incarnation),
          address,
        );
        const url = await child.line();
        address = new URL(url).host;
        one.transport.setPeers(new Map([[2, url]]));
        const from = one.received.length;
        await one.until(() => one.received.length > from + 20);
        one.transport.send([heartbeat(1, 2, incarnation)]);
        assertEquals(await child.line(), "heard");
      }
      await one.until(() => one.count("unreachable") > lost);
    }
    const commits = one.received.map(({ commit }) => commit);
    assertEquals(commits, commits.toSorted((a, b) => a - b));
    assert(commits.at(-1)! >= 3e6);
    assertEquals(one.count("refused"), 0);
  },
});
