/**
 * Goal: a peer that stops reading costs the other side no memory. Method: 300 MB wait on each side of
 * a stream, the other process (or this one) reads nothing; the waiting process must have stopped
 * handing messages over, stay under 200 MB, and hold nothing of it once the stream is cancelled: its
 * RSS is then nearly that of before.
 */
import { assertLess } from "@std/assert";
import { TransformClient } from "../../clients/transform_client.ts";
import { Child } from "../fixtures/child.ts";
import { recordOf, startTransform } from "../fixtures/transform_server.ts";

const script = new URL("../fixtures/stall_peer.ts", import.meta.url);
const rssMbMax = 200;
const messagesMax = 10;
/** What code that has run once keeps: compiled functions, buffers of the runtime. */
const heldMbLeft = 8;
/** The same with the pages that hold it, and those that the allocator keeps between others. */
const rssMbLeft = 16;

interface Reading {
  readonly handedOver: number;
  readonly rssMb: number;
  /** Heap and buffers. */
  readonly heldMb: number;
}

/** Asks seldom: what it takes to answer grows the memory that is asked about. */
async function read(
  child: Child,
  question: "after a collection" | "once it stands still",
): Promise<Reading> {
  return JSON.parse(await child.ask(question));
}

/** Waits until the child holds nearly as little as before, and has given the pages back. */
async function small(child: Child, before: Reading): Promise<void> {
  let now = before;
  for (let asked = 0; asked < 100; asked++) {
    now = await read(child, "after a collection");
    const back = now.heldMb <= before.heldMb + heldMbLeft &&
      now.rssMb <= before.rssMb + rssMbLeft;
    if (back) return;
  }
  throw new Error(`${JSON.stringify(now)} after ${JSON.stringify(before)}`);
}

Deno.test("a server waits for a client that does not read, in little memory", async () => {
  await using child = new Child(script, "server");
  await using client = await TransformClient.connect(await child.line(), "t");
  const before = await read(child, "after a collection");
  for await (const _ of client.processStream([recordOf(1n), recordOf(2n)])) {
    const { handedOver, rssMb } = await read(child, "once it stands still");
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
  const before = await read(child, "after a collection");
  child.kill("SIGUSR1");
  const { handedOver, rssMb } = await read(child, "once it stands still");
  assertLess(handedOver, messagesMax);
  assertLess(rssMb, rssMbMax);
  child.kill("SIGUSR2");
  await left.promise;
  await small(child, before);
});
