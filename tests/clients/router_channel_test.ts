/**
 * Clients of several routers, some of which are lost. The timer with which grpc-js dials them again
 * outlives its channel, so this file is without leak checks, as channel_reconnect_test.ts is.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { RouterChannel } from "../../clients/router_channel.ts";
import { notLeader } from "../../lib/consensus/not_leader.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { adminService } from "../../lib/handlers/admin_handler.ts";
import { routersMax } from "../../lib/limits.ts";
import { requestIdKey } from "../../lib/metadata_keys.ts";
import type { CallContext } from "../../lib/rpc/handler.ts";
import { rejection } from "../fixtures/rejection.ts";
import { type Served, served } from "../fixtures/served.ts";

const { enablePipeline } = adminService.methods;
const request = { pipelineId: "p" };
const unchecked = { sanitizeOps: false, sanitizeResources: false };
const retry = { initialBackoffMs: 1, maxAttempts: 8 };

interface Router extends Served {
  /** Ids of the requests that it got. */
  readonly ids: string[];
}

/** A router that answers as `answer` says. */
async function router(
  answer: (context: CallContext) => void | Promise<void> = () => {},
): Promise<Router> {
  const ids: string[] = [];
  const server = await served(adminService, {
    enablePipeline: async (_request, context) => {
      const [id] = context.metadata[requestIdKey] ?? [];
      assert(id instanceof Uint8Array);
      ids.push(id.toHex());
      await answer(context);
      return { success: true };
    },
  });
  return { ...server, ids };
}

function leads(id: number, { url }: Served): ConveyorError {
  return notLeader({ id, address: url, removed: false });
}

Deno.test(
  "connect() takes the first router that is there, and tells why when none is",
  unchecked,
  async () => {
    const gone = await router();
    await gone[Symbol.asyncDispose]();
    await using here = await router();
    const options = { connectTimeoutMs: 1_000, retry };
    const channel = await RouterChannel.connect([gone.url, here.url], options);
    await channel.unary(enablePipeline, request);
    assertEquals(here.ids.length, 1);
    await channel.close();
    const error = await rejection(
      RouterChannel.connect([gone.url, "http://127.0.0.1:1"], options),
      Code.Unavailable,
    );
    assert(error.message.includes("any of 2 routers"), error.message);
    assert(error.message.includes(gone.url), error.message);
  },
);

Deno.test(
  "connect() refuses what are no addresses of routers",
  unchecked,
  async () => {
    for (
      const routers of [
        [],
        "router:1",
        ["http://a:1", "b:1"],
        Array.from({ length: routersMax + 1 }, (_, at) => `http://a:${at + 1}`),
        7 as never,
      ]
    ) {
      await rejection(RouterChannel.connect(routers), Code.InvalidArgument);
    }
  },
);

Deno.test(
  "unary() is repeated on the next router under the same id when one is lost",
  unchecked,
  async () => {
    await using first = await router(() => {
      throw new ConveyorError(Code.Unavailable, "closing");
    });
    await using second = await router();
    const channel = await RouterChannel.connect([first.url, second.url]);
    await channel.unary(enablePipeline, request);
    assertEquals(first.ids.length, 1);
    assertEquals(second.ids, first.ids);
    // It stays where it was answered, under a new id for a new call.
    await channel.unary(enablePipeline, request);
    assertEquals(first.ids.length, 1);
    assertNotEquals(second.ids[0], second.ids[1]);
    await channel.close();
  },
);

Deno.test(
  "unary() goes on when the router's process is gone",
  unchecked,
  async () => {
    const first = await router();
    await using second = await router();
    const channel = await RouterChannel.connect([first.url, second.url]);
    await channel.unary(enablePipeline, request);
    await first[Symbol.asyncDispose]();
    await channel.unary(enablePipeline, request);
    assertEquals([first.ids.length, second.ids.length], [1, 1]);
    await channel.close();
  },
);

Deno.test(
  "unary() follows the hint of a router that does not lead, also to one that it was not told of",
  unchecked,
  async () => {
    await using leader = await router();
    await using first = await router(() => {
      throw leads(3, leader);
    });
    await using second = await router();
    const channel = await RouterChannel.connect([first.url, second.url]);
    await channel.unary(enablePipeline, request);
    assertEquals(leader.ids, first.ids);
    assertEquals(second.ids, []);
    await channel.close();
  },
);

Deno.test(
  "unary() comes back from a leader that is not there",
  unchecked,
  async () => {
    const gone = await router();
    await gone[Symbol.asyncDispose]();
    let asked = 0;
    await using only = await router(() => {
      if (++asked === 1) throw leads(3, gone);
    });
    const channel = await RouterChannel.connect(only.url, { retry });
    await channel.unary(enablePipeline, request);
    assertEquals(asked, 2);
    await channel.close();
  },
);

Deno.test(
  "unary() does not follow a hint that it must not",
  unchecked,
  async () => {
    for (const address of ["https://127.0.0.1:1", "nonsense", ""]) {
      let asked = 0;
      await using only = await router(() => {
        if (++asked === 1) throw notLeader({ id: 2, address, removed: false });
      });
      const channel = await RouterChannel.connect(only.url, { retry });
      await channel.unary(enablePipeline, request);
      assertEquals(asked, 2);
      await channel.close();
    }
  },
);

Deno.test(
  "unary() repeats nothing that a router has refused, and no more often than it may",
  unchecked,
  async () => {
    await using refusing = await router(() => {
      throw new ConveyorError(Code.NotFound, "no such pipeline");
    });
    await using other = await router();
    const channel = await RouterChannel.connect([refusing.url, other.url]);
    await rejection(channel.unary(enablePipeline, request), Code.NotFound);
    assertEquals([refusing.ids.length, other.ids.length], [1, 0]);
    await channel.close();

    await using away = await router(() => {
      throw new ConveyorError(Code.Unavailable, "not now");
    });
    const bounded = await RouterChannel.connect([away.url, away.url]);
    await rejection(
      bounded.unary(enablePipeline, request, {
        retry: { maxAttempts: 3, initialBackoffMs: 1 },
      }),
      Code.Unavailable,
    );
    assertEquals(away.ids.length, 3);
    assertEquals(new Set(away.ids).size, 1);
    await bounded.close();
  },
);

Deno.test(
  "unary() ends with its signal, its deadline, or the client",
  unchecked,
  async () => {
    await using away = await router(() => {
      throw new ConveyorError(Code.Unavailable, "not now");
    });
    const slow = { retry: { maxAttempts: 100, initialBackoffMs: 20_000 } };
    const channel = await RouterChannel.connect(away.url, slow);
    const end = new AbortController();
    const canceled = rejection(
      channel.unary(enablePipeline, request, { signal: end.signal }),
      Code.Canceled,
    );
    const late = rejection(
      channel.unary(enablePipeline, request, { timeoutMs: 50 }),
      Code.Unavailable,
    );
    end.abort();
    await canceled;
    await late;
    const closed = rejection(
      channel.unary(enablePipeline, request),
      Code.Canceled,
    );
    await channel.close();
    await closed;
    await rejection(channel.unary(enablePipeline, request), Code.Canceled);
  },
);
