import { assertEquals } from "@std/assert";
import type { SourceSession } from "../../../lib/flow/source_session.ts";
import { pushAnswersBytesMax } from "../../../lib/limits.ts";
import {
  PushStream,
  type PushWire,
} from "../../../lib/handlers/push_stream.ts";
import { Feed } from "../../fixtures/feed.ts";
import { batches, straight } from "../../fixtures/flow_pipelines.ts";
import { FlowWorld, orders, writesAll } from "../../fixtures/flow_world.ts";
import { recordBatchMessage } from "../../fixtures/record_messages.ts";

/** Messages are batches; of answers it matters only that there are some. */
const wire: PushWire = {
  batchIn: ({ length }) => ({ start: 0, end: length }),
  acked: () => new Uint8Array(1),
  granted: () => new Uint8Array(0),
  pressed: () => new Uint8Array(0),
};

/** A stream into a flow that has room for ten records, and a sink that takes 50 ms. */
class Pushed {
  readonly world = new FlowWorld({ sourceRecordsMax: 10 });
  readonly requests = new Feed<Uint8Array>();
  readonly stream: PushStream;
  session!: SourceSession;

  constructor() {
    const { flow } = this.world;
    this.world.serve(
      "archive",
      (records) => ({ ...writesAll(records), afterMs: 50 }),
    );
    flow.setPipeline(straight(batches(10, 0)));
    this.stream = new PushStream(
      wire,
      (listener) => this.session = flow.openSource(listener),
      this.requests,
      new AbortController().signal,
    );
  }

  push(from: number, to: number): void {
    this.requests.push(
      recordBatchMessage.encode({ records: orders(from, to) }),
    );
  }

  /** Lets time pass until `holds`. */
  async until(holds: () => boolean, stepMs = 10): Promise<void> {
    while (!holds()) {
      this.world.time.pass(stepMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

Deno.test("PushStream reads on only when there is room, and ends once all is acked", async () => {
  const pushed = new Pushed();
  const { counters } = pushed.world.flow;
  for (let n = 0; n < 5; n++) pushed.push(10 * n + 1, 10 * n + 10);
  pushed.requests.end();
  let over = false;
  const reading = Array.fromAsync(pushed.stream.answers).then((answers) => {
    over = true;
    return answers.filter(({ length }) => length > 0);
  });
  await pushed.until(() => over);
  assertEquals([counters.accepted, counters.rejected], [50, 0]);
  assertEquals((await reading).length, 5);
  pushed.stream.close();
  await pushed.world.flow.close();
});

Deno.test("PushStream reads no more while its source does not read what it is told", async () => {
  const world = new FlowWorld();
  const messages = 20;
  let read = 0;
  async function* requests() {
    for (; read < messages; read++) {
      yield await Promise.resolve(
        recordBatchMessage.encode({ records: orders(1, 1) }),
      );
    }
  }
  // Nobody takes the records: each is rejected at once.
  const stream = new PushStream(
    { ...wire, acked: () => new Uint8Array(pushAnswersBytesMax / 4) },
    (listener) => world.flow.openSource(listener),
    requests(),
    new AbortController().signal,
  );
  for (let turn = 0; turn < 100; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assertEquals(
    read,
    3,
    "what is told of the fourth fills the bound",
  );
  const answers = await Array.fromAsync(stream.answers);
  assertEquals(answers.filter(({ length }) => length > 0).length, messages);
  assertEquals([read, stream.answers.bytes], [messages, 0]);
  stream.close();
  await world.flow.close();
});

Deno.test("PushStream.close() lets its session go, though it waits for room", async () => {
  const pushed = new Pushed();
  pushed.push(1, 10);
  await pushed.until(() => pushed.session.waits, 0);
  pushed.stream.close();
  assertEquals(pushed.session.waits, false);
  // What was to be told before is, and nothing more is waited for.
  await Array.fromAsync(pushed.stream.answers);
  await pushed.world.flow.close();
});
