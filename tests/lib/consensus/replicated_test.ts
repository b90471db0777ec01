import { assertEquals, assertRejects } from "@std/assert";
import { encodeEnvelope } from "../../../lib/consensus/envelope.ts";
import { encodeMembershipContext } from "../../../lib/consensus/membership_context.ts";
import { Replicated } from "../../../lib/consensus/replicated.ts";
import type {
  AppliedAt,
  StateMachine,
} from "../../../lib/consensus/state_machine.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { encodeConfChange } from "../../../lib/raft/conf_change.ts";
import type { Entry } from "../../../lib/raft/types.ts";
import type { Restoration } from "../../../lib/state/types.ts";

/** Counts its commands and remembers when each came. */
class Counter implements StateMachine<string> {
  count = 0;
  readonly times: AppliedAt[] = [];

  apply(
    command: Uint8Array,
    at: AppliedAt,
  ): { answer: Uint8Array; events: string[] } {
    this.count += command[0]!;
    this.times.push(at);
    return { answer: new Uint8Array([this.count]), events: [`${this.count}`] };
  }

  snapshot(): Iterable<Uint8Array> {
    return [new Uint8Array([this.count])];
  }

  restoring(): Restoration {
    let count = 0;
    return {
      push: (chunk) => count = chunk[0]!,
      finish: () => this.count = count,
    };
  }
}

/** Brings back the state in these pieces. */
async function restore(
  replicated: Replicated<string>,
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  (await replicated.restoring(ReadableStream.from(pieces)))();
}

function id(n: number): Uint8Array {
  return new Uint8Array(16).fill(n);
}

function command(index: number, request: number, atMs: number, add = 1): Entry {
  return {
    index,
    term: 1,
    type: "normal",
    data: encodeEnvelope({
      requestId: id(request),
      atMs,
      command: new Uint8Array([add]),
    }),
  };
}

Deno.test("Replicated applies a request once, and answers its repetition the same", () => {
  const machine = new Counter();
  const replicated = new Replicated(machine);
  const first = replicated.apply(command(2, 7, 10));
  const again = replicated.apply(command(3, 7, 11));
  assertEquals(first.kind === "command" && first.events, ["1"]);
  assertEquals(again.kind === "command" && again.events, []);
  assertEquals(
    again.kind === "command" && again.answer,
    new Uint8Array([1]),
  );
  assertEquals(machine.count, 1);
});

Deno.test("Replicated shows the machine a time that never falls", () => {
  const machine = new Counter();
  const replicated = new Replicated(machine);
  replicated.apply(command(2, 1, 100));
  replicated.apply(command(3, 2, 50));
  assertEquals(machine.times, [{ index: 2, atMs: 100 }, {
    index: 3,
    atMs: 100,
  }]);
});

Deno.test("Replicated passes over the empty entry of a new leader", () => {
  const replicated = new Replicated(new Counter());
  const data = new Uint8Array(0);
  assertEquals(
    replicated.apply({ index: 2, term: 2, type: "normal", data }).kind,
    "nothing",
  );
});

Deno.test("Replicated stops at an entry of a later version", () => {
  const replicated = new Replicated(new Counter());
  const entry = command(2, 1, 0);
  entry.data[0] = 99;
  const applied = replicated.apply(entry);
  assertEquals(
    applied.kind === "unreadable" && applied.error.code,
    Code.FailedPrecondition,
  );
});

Deno.test("Replicated takes over the address in a membership change", () => {
  const replicated = new Replicated(new Counter());
  const { type, data } = encodeConfChange({
    version: 2,
    transition: "auto",
    changes: [{ type: "addLearner", nodeId: 4 }],
    context: encodeMembershipContext({
      requestId: id(3),
      address: "http://d:1",
    }),
  });
  const applied = replicated.apply({ index: 2, term: 1, type, data });
  assertEquals(
    applied.kind === "membership" && applied.request,
    id(3).toHex(),
  );
  assertEquals(replicated.members.get(4)?.address, "http://d:1");
});

Deno.test("Replicated.restoring() holds all that snapshot() showed, at the moment it was taken", async () => {
  const members = [{ id: 1, address: "http://a:1", removed: false }];
  const source = new Replicated(new Counter(), members);
  source.apply(command(2, 1, 10));
  const snapshot = source.snapshot();
  source.apply(command(3, 2, 20));
  const machine = new Counter();
  const target = new Replicated(machine);
  await restore(target, snapshot);
  assertEquals(target.atMs, 10);
  assertEquals(target.members.list(), members);
  assertEquals(target.answerTo(id(1).toHex()), new Uint8Array([1]));
  assertEquals(target.answerTo(id(2).toHex()), undefined);
});

Deno.test("Replicated.restoring() changes nothing before what it made is put in place, though commands come between", async () => {
  const source = new Replicated(new Counter());
  source.apply(command(2, 1, 10, 5));
  const [piece] = [...source.snapshot()];
  const machine = new Counter();
  const target = new Replicated(machine);
  const install = await target.restoring((async function* () {
    for (const byte of piece!) {
      yield new Uint8Array([byte]);
      target.apply(command(2, 1, 20));
      assertEquals(machine.count, 1);
    }
  })());
  assertEquals([machine.count, target.atMs], [1, 20]);
  install();
  assertEquals([machine.count, target.atMs], [5, 10]);
});

Deno.test("Replicated.restoring() refuses a damaged head and keeps its state", async () => {
  const source = new Replicated(new Counter(), [
    { id: 1, address: "http://a:1", removed: false },
  ]);
  const bytes = new Uint8Array(
    [...source.snapshot()].flatMap((one) => [...one]),
  );
  const target = new Replicated(new Counter());
  target.apply(command(2, 1, 10));
  for (const cut of [0, 3, 6, 12]) {
    const error = await assertRejects(
      () => restore(target, [bytes.subarray(0, cut)]),
      ConveyorError,
    );
    assertEquals(error.code, Code.DataLoss);
  }
  const newer = bytes.slice();
  newer[4] = 9;
  const error = await assertRejects(
    () => restore(target, [newer]),
    ConveyorError,
  );
  assertEquals(error.code, Code.FailedPrecondition);
  assertEquals(target.answerTo(id(1).toHex()), new Uint8Array([1]));
});
