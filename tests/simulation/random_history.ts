/**
 * Histories made from a seed, for tests of the checker: clients against a store that takes each
 * operation at a random moment between its invocation and its return, so that they are linearizable;
 * or with answers changed, so that some are not.
 */
import type { Random } from "../../lib/random.ts";
import { below, pick } from "../fixtures/mutations.ts";
import type {
  HistoryEvent,
  Invocation,
  Operation,
  OperationKind,
  Return,
} from "./history.ts";
import { keyValueModel } from "./key_value_model.ts";
import { offsetModel } from "./offset_model.ts";

export interface HistoryShape {
  readonly clients: number;
  readonly operations: number;
  readonly keys: number;
  readonly kinds: readonly OperationKind[];
  /** Values are drawn from so many; absent: each is written once. */
  readonly values?: number;
  /** Share of operations whose outcome stays unknown; half of them take effect, at any later time. */
  readonly unknown: number;
  /** Share of operations that fail. */
  readonly fail: number;
}

interface Running {
  readonly invocation: Invocation;
  taken: boolean;
  answer: string | null | undefined;
  outcome: "ok" | "fail" | "unknown";
}

export function randomHistory(
  shape: HistoryShape,
  random: Random,
): HistoryEvent[] {
  const state = new Map<string, string | bigint | null>();
  const running: (Running | undefined)[] = Array(shape.clients).fill(undefined);
  const late: Invocation[] = [];
  const events: HistoryEvent[] = [];
  let begun = 0;
  while (begun < shape.operations || running.some((r) => r !== undefined)) {
    const client = below(shape.clients, random);
    const time = events.length;
    const now = running[client];
    if (now === undefined) {
      if (begun >= shape.operations) continue;
      const invocation = randomInvocation(shape, client, time, begun++, random);
      events.push(invocation);
      const draw = random();
      running[client] = {
        invocation,
        taken: false,
        answer: undefined,
        outcome: draw < shape.unknown
          ? "unknown"
          : draw < shape.unknown + shape.fail
          ? "fail"
          : "ok",
      };
    } else if (now.outcome === "ok" && !now.taken) {
      now.answer = take(state, now.invocation);
      now.taken = true;
    } else {
      if (now.outcome === "unknown" && random() < 0.5) {
        late.push(now.invocation);
      }
      events.push({
        type: "return",
        client,
        outcome: now.outcome,
        ...(now.answer === undefined ? {} : { value: now.answer }),
        time,
      });
      running[client] = undefined;
    }
    if (late.length > 0 && random() < 0.2) {
      take(state, late.splice(below(late.length, random), 1)[0]!);
    }
  }
  return events;
}

function randomInvocation(
  shape: HistoryShape,
  client: number,
  time: number,
  n: number,
  random: Random,
): Invocation {
  const op = pick(shape.kinds, random);
  const key = `k${below(shape.keys, random)}`;
  const base = { type: "invoke", client, op, key, time } as const;
  const value = (): string => {
    const number = shape.values === undefined ? n : below(shape.values, random);
    return op === "commit" ? `${number}` : `,${number}`;
  };
  if (op === "get" || op === "offset") return base;
  if (op !== "cas") return { ...base, value: value() };
  return {
    ...base,
    value: value(),
    // Now and then what is expected is there: of few values, or of those just written.
    expected: random() < 0.2
      ? null
      : shape.values === undefined
      ? `,${
        Math.max(0, n - 1 - below(1 + below(2 * shape.clients, random), random))
      }`
      : value(),
  };
}

/** Takes an operation into the state and gives its answer. */
function take(
  state: Map<string, string | bigint | null>,
  { op, key, value, expected }: Invocation,
): string | null | undefined {
  const operation = { op, key, value, expected } as Operation;
  if (op === "commit" || op === "offset") {
    const before = (state.get(`offset ${key}`) ?? -1n) as bigint;
    state.set(`offset ${key}`, offsetModel.step(before, operation)!);
    if (op === "commit") return BigInt(value!) >= before ? "true" : "false";
    return before === -1n ? null : `${before}`;
  }
  const before = (state.get(key) ?? null) as string | null;
  state.set(key, keyValueModel.step(before, operation)!);
  return op === "get" || op === "cas" ? before : undefined;
}

/** The history with the answers of some operations replaced by those of others of their kind. */
export function withWrongAnswers(
  events: readonly HistoryEvent[],
  random: Random,
): HistoryEvent[] {
  const wrong = [...events];
  const kindOf = new Map<number, OperationKind>();
  const kinds = new Map<number, OperationKind>();
  for (const [at, event] of events.entries()) {
    if (event.type === "invoke") kindOf.set(event.client, event.op);
    else if (event.value !== undefined) {
      kinds.set(at, kindOf.get(event.client)!);
    }
  }
  for (const [at, kind] of kinds) {
    if (random() > 0.4) continue;
    const same = [...kinds.keys()].filter((other) => kinds.get(other) === kind);
    const value = (events[pick(same, random)] as Return).value!;
    wrong[at] = { ...events[at] as Return, value };
  }
  return wrong;
}
