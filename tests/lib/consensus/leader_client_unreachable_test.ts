/**
 * Leaders that are not there any more. The timer with which grpc-js dials them again outlives its
 * channel, so this file is without leak checks, as tests/clients/channel_reconnect_test.ts is.
 */
import { assert, assertEquals } from "@std/assert";
import { LeaderClient } from "../../../lib/consensus/leader_client.ts";
import type { Member } from "../../../lib/consensus/members.ts";
import { Code } from "../../../lib/errors.ts";
import { rejection } from "../../fixtures/rejection.ts";
import type { Served } from "../../fixtures/served.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";
import { offsetCommand, serveCluster } from "../../fixtures/cluster_server.ts";

const { signal } = new AbortController();
const quick = { reconnectBackoffMs: 50, connectTimeoutMs: 300 };
const unchecked = { sanitizeOps: false, sanitizeResources: false };

function member(id: number, { url }: { readonly url: string }): Member {
  return { id, address: url, removed: false };
}

Deno.test(
  "propose() dials another address when the leader is elsewhere",
  unchecked,
  async () => {
    await using cluster = await StateCluster.start(1);
    await using client = new LeaderClient(quick);
    const propose = (server: Served, offset: bigint): Promise<unknown> =>
      client.propose(
        member(1, server),
        crypto.getRandomValues(new Uint8Array(16)),
        offsetCommand(offset),
        signal,
      );
    {
      await using first = await serveCluster(cluster, 1);
      await propose(first, 1n);
    }
    await using second = await serveCluster(cluster, 1);
    await propose(second, 2n);
    const { state } = cluster.node(1).replicated;
    assertEquals(state.offsets.get("s", 0)?.offset, 2n);
  },
);

Deno.test(
  "propose() to nobody is Unavailable, and the next one dials anew",
  unchecked,
  async () => {
    await using cluster = await StateCluster.start(1);
    await using client = new LeaderClient(quick);
    const gone = await serveCluster(cluster, 1);
    await gone[Symbol.asyncDispose]();
    for (const attempt of [1, 2]) {
      const error = await rejection(
        client.propose(
          member(attempt, gone),
          new Uint8Array(16),
          offsetCommand(1n),
          signal,
        ),
        Code.Unavailable,
      );
      assert(error.message.includes("127.0.0.1"), error.message);
    }
    const { host } = new URL(gone.url);
    await using back = await serveCluster(cluster, 1, host);
    await client.propose(
      member(2, back),
      new Uint8Array(16),
      offsetCommand(1n),
      signal,
    );
  },
);
