import { assert, assertEquals } from "@std/assert";
import { Intake, Outcome } from "../../../lib/delivery/intake.ts";
import { Rejection } from "../../../lib/delivery/rejection.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { PullAcks } from "../../../lib/pull/pull_acks.ts";
import { codecOf } from "../../../proto/codec.ts";
import { type AckRequest, AckStatus } from "../../../proto/messages/source.ts";
import { schema } from "../../../proto/schema.ts";
import { nobody, viewOf } from "../../fixtures/loads.ts";
import { VirtualTime } from "../../fixtures/virtual_time.ts";

const codec = codecOf<AckRequest>(
  schema.lookupType("conveyor.source.AckRequest"),
);

/** A source that answers when it is told to. */
class SlowSource {
  readonly time = new VirtualTime();
  readonly failures: ConveyorError[] = [];
  readonly acks: PullAcks;
  #calls: {
    readonly request: Uint8Array;
    readonly end: PromiseWithResolvers<void>;
  }[] = [];

  constructor() {
    this.acks = new PullAcks({
      sourceId: "numbers-1",
      consumerId: "router",
      scheduler: this.time,
      changed: (failure) => failure && this.failures.push(failure),
      send: (request) => {
        const end = Promise.withResolvers<void>();
        this.#calls.push({ request, end });
        return end.promise;
      },
    });
  }

  get calls(): number {
    return this.#calls.length;
  }

  /** Answers the oldest call; what it asked. */
  async answer(error?: Error): Promise<AckRequest> {
    const { request, end } = this.#calls.shift()!;
    if (error) end.reject(error);
    else end.resolve();
    // All that follows from it at once has had its turn after this.
    await new Promise((resolve) => setTimeout(resolve, 0));
    return codec.decode(request);
  }
}

function settled(...sequences: readonly number[]): Intake {
  const view = viewOf(
    sequences.map((sequenceNumber) => ({
      id: { sourceId: "numbers-1", sequenceNumber },
    })),
  );
  const intake = new Intake(nobody, "b", view.ids);
  sequences.forEach((_, place) =>
    intake.answer(place, Outcome.Accepted, Rejection.None)
  );
  return intake;
}

function sequencesIn({ recordAcks }: AckRequest): bigint[] {
  return recordAcks.map(({ recordId }) => recordId!.sequenceNumber);
}

Deno.test("PullAcks.add() sends at once, and what gathers meanwhile together", async () => {
  const source = new SlowSource();
  source.acks.add(settled(1, 2));
  source.acks.add(settled(3));
  source.acks.add(settled(4, 5));
  assertEquals([source.calls, source.acks.waiting], [1, 5]);
  const first = await source.answer();
  assertEquals([first.sourceId, first.consumerId], ["numbers-1", "router"]);
  assertEquals(
    first.recordAcks.map(({ status }) => status),
    [AckStatus.Accepted, AckStatus.Accepted],
  );
  assertEquals(sequencesIn(first), [1n, 2n]);
  assertEquals([source.calls, source.acks.waiting], [1, 3]);
  assertEquals(sequencesIn(await source.answer()), [3n, 4n, 5n]);
  assertEquals([source.calls, source.acks.waiting], [0, 0]);
});

Deno.test("PullAcks sends the same again when the source is away for a moment", async () => {
  const source = new SlowSource();
  const away = new ConveyorError(Code.Unavailable, "away");
  source.acks.add(settled(1));
  await source.answer(away);
  assertEquals(source.calls, 0);
  source.time.pass(10_000);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(sequencesIn(await source.answer()), [1n]);
  assertEquals([source.acks.waiting, source.failures.length], [0, 0]);
});

Deno.test("PullAcks tells of acks that will never be taken", async () => {
  const source = new SlowSource();
  source.acks.add(settled(1));
  await source.answer(new ConveyorError(Code.InvalidArgument, "no"));
  assertEquals(source.failures.map(({ code }) => code), [Code.InvalidArgument]);
});

Deno.test("PullAcks sends nothing to a source that takes no acks", async () => {
  const source = new SlowSource();
  source.acks.add(settled(1));
  source.acks.add(settled(2));
  await source.answer(new ConveyorError(Code.Unimplemented, "none"));
  source.acks.add(settled(3));
  assertEquals([source.calls, source.acks.waiting], [0, 0]);
  assert(source.failures.length === 0);
});

Deno.test("PullAcks.close() sends nothing any more", async () => {
  const source = new SlowSource();
  source.acks.add(settled(1));
  source.acks.add(settled(2));
  source.acks.close();
  await source.answer();
  assertEquals(source.calls, 0);
});
