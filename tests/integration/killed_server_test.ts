/**
 * Goal: a client outlives its server's death, however often. Method: the server is a process of its
 * own, killed without a goodbye every other time, under calls and a stream; what is under way fails
 * with a status that says so or is tried again by policy, and the next server, on the same port, is
 * found by the same client. Without leak checks: grpc-js leaves the backoff timer of an address that
 * it could not reach.
 */
import { assert, assertEquals } from "@std/assert";
import { TransformClient } from "../../clients/transform_client.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { Child } from "../fixtures/child.ts";
import { recordOf } from "../fixtures/transform_server.ts";

const kills = 6;
const script = new URL("../fixtures/mortal_peer.ts", import.meta.url);
const retry = { maxAttempts: 100, initialBackoffMs: 5, maxBackoffMs: 50 };
const records = [recordOf(1n)];

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "answered";
  } catch (error) {
    assert(error instanceof ConveyorError, String(error));
    return Code[error.code];
  }
}

/** A stream that goes on for as long as its server lives. */
async function streamOn(
  client: TransformClient,
  begun: () => void,
): Promise<void> {
  let sequence = 0n;
  const endless = {
    async *[Symbol.asyncIterator]() {
      while (true) yield await Promise.resolve(recordOf(++sequence));
    },
  };
  for await (const _ of client.processStream(endless)) begun();
}

Deno.test({
  name: `a client survives ${kills} deaths of its server's process`,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    let server = new Child(script);
    const address = await server.ask("127.0.0.1:0");
    await using client = await TransformClient.connect(
      `http://${address}`,
      "t",
    );
    for (let kill = 0; kill < kills; kill++) {
      const next = new Child(script);
      const begun = Promise.withResolvers<void>();
      const streaming = codeOf(streamOn(client, begun.resolve));
      await begun.promise;
      const calls = Array.from(
        { length: 4 },
        () => codeOf(client.processBatch({ records })),
      );
      const patient = client.processBatch({ records }, {}, { retry });
      server.kill(kill % 2 === 0 ? "SIGKILL" : "SIGTERM");
      await server[Symbol.asyncDispose]();
      assertEquals(await streaming, "Unavailable");
      for (const outcome of await Promise.all(calls)) {
        assert(["answered", "Unavailable"].includes(outcome), outcome);
      }
      assertEquals(await next.ask(address), address);
      assertEquals((await patient).results.length, 1);
      const after = await client.processBatch({ records }, {}, { retry });
      assertEquals(after.results.length, 1);
      server = next;
    }
    await server[Symbol.asyncDispose]();
  },
});
