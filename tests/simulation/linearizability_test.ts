import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../lib/random.ts";
import { isLinearizable } from "./brute_force.ts";
import { describeVerdict } from "./describe_verdict.ts";
import {
  type HistoryEvent,
  type Operation,
  type OperationKind,
  operationsOf,
  operationsUpTo,
  parseHistory,
} from "./history.ts";
import { keyValueModel } from "./key_value_model.ts";
import { checkHistory, type Violation } from "./linearizability.ts";
import { offsetModel } from "./offset_model.ts";
import {
  type HistoryShape,
  randomHistory,
  withWrongAnswers,
} from "./random_history.ts";

/** Goal: the search agrees with the definition. Method: thousands of small histories, good and bad. */
function agrees(
  seeds: number,
  kinds: readonly OperationKind[],
  values?: number,
): void {
  const verdicts = { linearizable: 0, violation: 0, undecided: 0 };
  const model = kinds.includes("commit") ? offsetModel : keyValueModel;
  for (let seed = 1; seed <= seeds; seed++) {
    const random = seededRandom(seed);
    const shape: HistoryShape = {
      clients: 2 + seed % 4,
      operations: 3 + seed % 6,
      keys: 1,
      kinds,
      unknown: seed % 3 === 0 ? 0.25 : 0,
      fail: seed % 5 === 0 ? 0.2 : 0,
      ...(values === undefined ? {} : { values }),
    };
    let events = randomHistory(shape, random);
    if (seed % 4 !== 0) events = withWrongAnswers(events, random);
    const verdict = checkHistory(events);
    verdicts[verdict.kind]++;
    const expected = isLinearizable<never>(
      model as never,
      operationsOf(events),
    );
    assertEquals(
      verdict.kind,
      expected ? "linearizable" : "violation",
      `seed ${seed}:\n${describeVerdict(verdict)}`,
    );
    if (verdict.kind === "violation") isShortest(verdict, events, model);
  }
  // A generator that only makes one kind would prove nothing.
  assert(verdicts.linearizable > seeds / 20, JSON.stringify(verdicts));
  assert(verdicts.violation > seeds / 20, JSON.stringify(verdicts));
}

function isShortest(
  { culprit, order }: Violation,
  events: readonly HistoryEvent[],
  model: unknown,
): void {
  const upTo = (end: number): boolean =>
    isLinearizable<never>(
      model as never,
      operationsUpTo(operationsOf(events), end),
    );
  assert(!upTo(culprit.returned), "the culprit does fit");
  assert(upTo(culprit.returned - 1), "an earlier one does not fit");
  let state = (model as typeof keyValueModel).initial;
  for (const operation of order) {
    const next = (model as typeof keyValueModel).step(state, operation);
    assert(next !== undefined, "the order shown cannot be");
    state = next;
  }
}

const all: readonly OperationKind[] = ["put", "get", "get", "cas", "append"];

Deno.test("checkHistory() agrees with brute force on values written once", () => {
  agrees(2_000, ["put", "get", "cas"]);
});

Deno.test("checkHistory() agrees with brute force on values written often", () => {
  agrees(3_000, all, 3);
});

Deno.test("checkHistory() agrees with brute force on appends", () => {
  agrees(2_000, ["append", "get"]);
});

Deno.test("checkHistory() agrees with brute force on everything at once", () => {
  agrees(3_000, all);
});

Deno.test("checkHistory() agrees with brute force on offsets", () => {
  agrees(3_000, ["commit", "offset"], 6);
});

Deno.test("checkHistory() agrees with brute force on cas whose answer was lost", () => {
  // A return without a value leaves open what the cas found.
  for (let seed = 1; seed <= 1_000; seed++) {
    const events = withWrongAnswers(
      randomHistory({
        clients: 3,
        operations: 7,
        keys: 1,
        kinds: ["put", "get", "cas", "cas"],
        values: 3,
        unknown: 0.1,
        fail: 0,
      }, seededRandom(seed)),
      seededRandom(seed),
    ).map((event, at) => {
      if (event.type === "invoke" || (seed + at) % 3 !== 0) return event;
      const { value: _, ...rest } = event;
      return rest;
    });
    assertEquals(
      checkHistory(events).kind === "linearizable",
      isLinearizable(keyValueModel, operationsOf(events)),
      `seed ${seed}`,
    );
  }
});

/** A history from short lines: "> 1 put x a", "< 1 ok", "< 1 unknown", "< 2 ok a". */
function history(text: string): HistoryEvent[] {
  return text.trim().split("\n").map((line, time): HistoryEvent => {
    const [arrow, client, ...words] = line.trim().split(" ");
    const base = { client: Number(client), time };
    if (arrow === "<") {
      const [outcome, value] = words as ["ok" | "fail" | "unknown", string?];
      return {
        ...base,
        type: "return",
        outcome,
        ...(value === undefined ? {} : { value: value === "-" ? null : value }),
      };
    }
    const [op, key, ...values] = words as [OperationKind, string, ...string[]];
    const value = values.at(-1);
    return {
      ...base,
      type: "invoke",
      op,
      key,
      ...(value === undefined ? {} : { value }),
      ...(op === "cas" ? { expected: values[0]! } : {}),
    };
  });
}

function culpritOf(text: string): Operation {
  const verdict = checkHistory(history(text));
  assert(verdict.kind === "violation", verdict.kind);
  return verdict.culprit;
}

Deno.test("checkHistory() finds a stale read", () => {
  const culprit = culpritOf(`
    > 1 put x a
    < 1 ok
    > 1 put x b
    < 1 ok
    > 2 get x
    < 2 ok a`);
  assertEquals([culprit.client, culprit.op, culprit.answer], [2, "get", "a"]);
});

Deno.test("checkHistory() finds a lost write", () => {
  assertEquals(
    culpritOf(`
    > 1 put x a
    < 1 ok
    > 2 get x
    < 2 ok -`).answer,
    null,
  );
});

Deno.test("checkHistory() finds an append that was applied twice", () => {
  assertEquals(
    culpritOf(`
    > 1 append x ,a
    < 1 ok
    > 2 get x
    < 2 ok ,a,a`).answer,
    ",a,a",
  );
});

Deno.test("checkHistory() finds a read of the future", () => {
  const culprit = culpritOf(`
    > 2 get x
    < 2 ok a
    > 1 put x a
    < 1 ok`);
  assertEquals([culprit.op, culprit.returned], ["get", 1]);
});

Deno.test("checkHistory() finds two swaps of one value", () => {
  assertEquals(
    culpritOf(`
    > 1 put x a
    < 1 ok
    > 1 cas x a b
    > 2 cas x a c
    < 1 ok a
    < 2 ok a`).op,
    "cas",
  );
});

Deno.test("checkHistory() finds reads that see two writes in different orders", () => {
  assertEquals(
    culpritOf(`
    > 1 put x a
    > 2 put x b
    > 3 get x
    < 3 ok a
    > 3 get x
    < 3 ok b
    > 4 get x
    < 4 ok a
    < 1 ok
    < 2 ok`).client,
    4,
  );
});

Deno.test("checkHistory() finds an offset that fell", () => {
  assertEquals(
    culpritOf(`
    > 1 commit p 7
    < 1 ok true
    > 1 commit p 5
    < 1 ok true`).value,
    "5",
  );
});

Deno.test("checkHistory() lets an unknown write show at any later time, but once", () => {
  const text = `
    > 1 put x a
    < 1 unknown
    > 2 put x b
    < 2 ok
    > 3 get x
    < 3 ok b
    > 3 get x
    < 3 ok a`;
  assertEquals(checkHistory(history(text)).kind, "linearizable");
  assertEquals(
    culpritOf(`${text}
    > 2 put x c
    < 2 ok
    > 3 get x
    < 3 ok a`).invoked,
    10,
  );
});

Deno.test("checkHistory() refuses to see a failed write", () => {
  assertEquals(
    culpritOf(`
    > 1 put x a
    < 1 fail
    > 2 get x
    < 2 ok a`).answer,
    "a",
  );
});

Deno.test("checkHistory() says undecided rather than guess when it may not search on", () => {
  const events = history(`
    > 1 append x a
    > 3 append x c
    > 2 get x
    < 2 ok b
    < 1 ok
    < 3 ok`);
  assertEquals(checkHistory(events, 0).kind, "undecided");
});

Deno.test("describeVerdict() shows the culprit and what led to it", () => {
  const events = parseHistory(
    Deno.readTextFileSync(
      new URL("../fixtures/stale_read.ndjson", import.meta.url),
    ),
  );
  assertEquals(
    describeVerdict(checkHistory(events)),
    [
      'Not linearizable: no place for client 2 get("x") -> "a" [events 5 to 6, 4 to 5 ms]',
      'An order of the 2 operations on key "x" placed before it:',
      '  client 1 put("x", "a") -> ok [events 1 to 2, 0 to 1 ms]; then "a"',
      '  client 1 put("x", "b") -> ok [events 3 to 4, 2 to 3 ms]; then "b"',
    ].join("\n"),
  );
});

Deno.test("checkHistory() accepts what a correct store answered to many clients", () => {
  const mixes: readonly (readonly OperationKind[])[] = [
    ["put", "get", "cas", "cas"],
    ["put", "append", "get", "cas"],
    ["append", "get"],
    ["commit", "offset"],
  ];
  for (let seed = 1; seed <= 400; seed++) {
    const events = randomHistory({
      clients: 4 + seed % 30,
      operations: 20 + seed % 300,
      keys: 1 + seed % 2,
      kinds: mixes[seed % mixes.length]!,
      unknown: 0.05,
      fail: 0.05,
    }, seededRandom(seed));
    const verdict = checkHistory(events);
    assert(
      verdict.kind === "linearizable",
      `seed ${seed}: ${describeVerdict(verdict)}`,
    );
  }
});

Deno.test("check_history.ts exits with 1 and the culprit for a bad history", async () => {
  const run = async (file: string) => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-read",
        new URL("check_history.ts", import.meta.url).href,
        file,
      ],
    }).output();
    return [code, new TextDecoder().decode(stdout).split("\n")[0]];
  };
  const stale = new URL("../fixtures/stale_read.ndjson", import.meta.url);
  assertEquals(await run(stale.pathname), [
    1,
    'Not linearizable: no place for client 2 get("x") -> "a" [events 5 to 6, 4 to 5 ms]',
  ]);
  assertEquals((await run("/nowhere"))[0], 2);
});

/** Goal: long histories of many clients take seconds. Method: the worst mix, one hot key too. */
for (const keys of [1, 64]) {
  for (const bad of [false, true]) {
    Deno.test(`checkHistory() decides 64 clients on ${keys} keys when the history is ${bad ? "bad" : "good"}`, () => {
      const events = randomHistory({
        clients: 64,
        operations: 10_000,
        keys,
        kinds: ["put", "get", "cas", "cas"],
        unknown: 0.02,
        fail: 0.01,
      }, seededRandom(7));
      if (bad) {
        // A read at the very end sees the first value again.
        const time = events.length;
        events.push(
          { type: "invoke", client: 0, op: "get", key: "k0", time },
          { type: "return", client: 0, outcome: "ok", value: ",0", time },
        );
      }
      assertEquals(
        checkHistory(events).kind,
        bad ? "violation" : "linearizable",
      );
    });
  }
}
