/**
 * Goal: a peer that stops reading costs the other side no memory. Method: 300 MB wait on each side of
 * a stream, the other process (or this one) reads nothing; the waiting process must have stopped
 * handing messages over, stay under 200 MB, and hold nothing of it once the stream is cancelled.
 */
import { assertLess } from "@std/assert";
import { TransformClient } from "../../clients/transform_client.ts";
import { Child } from "../fixtures/child.ts";
import { recordOf, startTransform } from "../fixtures/transform_server.ts";

const script = new URL("../fixtures/stall_peer.ts", import.meta.url);
const rssMbMax = 200;
const messagesMax = 100;
/** What code that has run once keeps: compiled functions, buffers of the runtime. */
const heldMbLeft = 8;

interface Reading {
  readonly handedOver: number;
  readonly rssMb: number;
  /** Heap and buffers. */
  readonly heldMb: number;
}

async function read(child: Child, question = "now"): Promise<Reading> {
  return JSON.parse(await child.ask(question));
}

/** What the child says once it has handed nothing over during a thousand questions. */
async function stalled(child: Child): Promise<Reading> {
  let [last, still] = [await read(child), 0];
  while (still < 1_000) {
    const now = await read(child);
    still = now.handedOver === last.handedOver && now.handedOver > 0
      ? still + 1
      : 0;
    last = now;
  }
  return last;
}

/** Resolves once the child holds nearly as little as before; its allocator may keep the pages. */
async function small(child: Child, before: Reading): Promise<void> {
  while (true) {
    const { heldMb, rssMb } = await read(child, "after a collection");
    assertLess(rssMb, rssMbMax);
    if (heldMb <= before.heldMb + heldMbLeft) return;
  }
}

Deno.test("a server waits for a client that does not read, in little memory", async () => {
  await using child = new Child(script, "server");
  await using client = await TransformClient.connect(await child.line(), "t");
  const before = await read(child);
  for await (const _ of client.processStream([recordOf(1n), recordOf(2n)])) {
    const { handedOver, rssMb } = await stalled(child);
    assertLess(handedOver, messagesMax);
    assertLess(rssMb, rssMbMax);
    break;
  }
  await small(child, before);
});

Deno.test("a client waits for a server that does not read, in little memory", async () => {
  const left = Promise.withResolvers<void>();
  await using server = await startTransform({
    async *processStream(_, { signal }) {
      signal.addEventListener("abort", () => left.resolve());
      yield { ready: { bufferCapacity: 300n } };
      await left.promise;
    },
  });
  await using child = new Child(script, "client", server.url);
  await child.line();
  const before = await read(child);
  const { handedOver, rssMb } = await stalled(child);
  assertLess(handedOver, messagesMax);
  assertLess(rssMb, rssMbMax);
  child.kill("SIGUSR2");
  await left.promise;
  await small(child, before);
});
