/**
 * What clients did and saw, as it was recorded: one event where an operation begins and one where
 * it returns, in the order in which they happened, one JSON object a line. The order of the lines
 * is what counts: an operation that returned on an earlier line than another began was before it.
 */

/** Operations that the models of this folder know. */
export type OperationKind =
  | "put"
  | "get"
  | "cas"
  | "append"
  | "commit"
  | "offset";

/**
 * How an operation ended: `ok`, it took effect; `fail`, it did not and never will; `unknown`, it may
 * take effect at any later time, or never. One that never returns is unknown too.
 */
export type Outcome = "ok" | "fail" | "unknown";

/** A line where an operation begins. */
export interface Invocation {
  readonly type: "invoke";
  readonly client: number;
  readonly op: OperationKind;
  readonly key: string;
  /** What is put, appended, committed, or set by a cas. */
  readonly value?: string;
  /** What a cas expects to find; null: nothing. */
  readonly expected?: string | null;
  /** When, in milliseconds from any origin; for people. */
  readonly time: number;
}

/** A line where an operation returns. */
export interface Return {
  readonly type: "return";
  readonly client: number;
  readonly outcome: Outcome;
  /**
   * What came back: what get and offset read and what a cas found (null: nothing), "true" or
   * "false" from commit. Absent: not known.
   */
  readonly value?: string | null;
  readonly time: number;
}

export type HistoryEvent = Invocation | Return;

/** An invocation with what came of it. */
export interface Operation {
  readonly client: number;
  readonly op: OperationKind;
  readonly key: string;
  readonly value: string | undefined;
  readonly expected: string | null | undefined;
  /** Whether it is known to have taken effect. */
  readonly known: boolean;
  /** What came back; undefined when that is not known, so that any answer fits. */
  readonly answer: string | null | undefined;
  /** Position of its invocation in the history. */
  readonly invoked: number;
  /** Position of its return; Infinity when it never returned or its outcome is unknown. */
  readonly returned: number;
  readonly invokedAt: number;
  readonly returnedAt: number | undefined;
}

const kinds: readonly unknown[] = [
  "put",
  "get",
  "cas",
  "append",
  "commit",
  "offset",
];
const outcomes: readonly unknown[] = ["ok", "fail", "unknown"];

/** One line of a history. Throws a SyntaxError that names the line, the field and the value found. */
export function parseEvent(text: string, line: number): HistoryEvent {
  const refuse = (what: string): never => {
    throw new SyntaxError(`Cannot read line ${line}: ${what}`);
  };
  let event: Record<string, unknown>;
  try {
    event = JSON.parse(text);
  } catch {
    return refuse(`not JSON: ${text.slice(0, 80)}`);
  }
  const need = (field: string, rule: string, holds: boolean): void => {
    if (!holds) {
      refuse(
        `"${field}" must be ${rule}, found ${JSON.stringify(event[field])}`,
      );
    }
  };
  if (typeof event !== "object" || event === null) return refuse("no object");
  need("client", "an integer", Number.isSafeInteger(event.client));
  need("time", "a number", Number.isFinite(event.time));
  if (event.type === "return") {
    need("outcome", outcomes.join(" or "), outcomes.includes(event.outcome));
    need("value", "text, null or absent", isText(event.value, null, undefined));
  } else {
    need("type", "invoke or return", event.type === "invoke");
    need("op", kinds.join(" or "), kinds.includes(event.op));
    need("key", "text", isText(event.key));
    const reads = event.op === "get" || event.op === "offset";
    need("value", "text", isText(event.value, reads ? undefined : ""));
    if (event.op === "cas") {
      need("expected", "text or null", isText(event.expected, null));
    }
    if (event.op === "commit") {
      need("value", "digits", /^\d+$/.test(String(event.value)));
    }
  }
  return event as unknown as HistoryEvent;
}

function isText(value: unknown, ...others: readonly unknown[]): boolean {
  return typeof value === "string" || others.includes(value);
}

/** Every line of a history; blank ones are skipped. */
export function parseHistory(text: string): HistoryEvent[] {
  return text.split("\n").flatMap((line, i) =>
    line.trim() === "" ? [] : [parseEvent(line, i + 1)]
  );
}

/** The lines of a history. */
export function formatHistory(events: readonly HistoryEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

/**
 * The operations of a history, without those that failed. Throws a SyntaxError when a client returns
 * what it did not begin, begins a second operation before the first returned, or time goes back.
 */
export function operationsOf(events: readonly HistoryEvent[]): Operation[] {
  const open = new Map<number, number>();
  const operations: (Operation | undefined)[] = [];
  let time = -Infinity;
  for (const [at, event] of events.entries()) {
    const fault = (what: string): SyntaxError =>
      new SyntaxError(`Cannot read event ${at + 1}: ${what}`);
    if (event.time < time) throw fault(`time goes back to ${event.time}`);
    time = event.time;
    const begun = open.get(event.client);
    if (event.type === "invoke") {
      if (begun !== undefined) {
        throw fault(`client ${event.client} has an operation under way`);
      }
      open.set(event.client, operations.length);
      operations.push(begin(event, at));
      continue;
    }
    if (begun === undefined) {
      throw fault(`client ${event.client} has no operation under way`);
    }
    open.delete(event.client);
    if (event.outcome === "fail") operations[begun] = undefined;
    if (event.outcome === "ok") {
      operations[begun] = {
        ...operations[begun]!,
        known: true,
        answer: event.value,
        returned: at,
        returnedAt: event.time,
      };
    }
  }
  return operations.filter((operation) => operation !== undefined);
}

/** The operations as they stood after event `end`: what returns later is of unknown outcome. */
export function operationsUpTo(
  operations: readonly Operation[],
  end: number,
): Operation[] {
  return operations.filter(({ invoked }) => invoked <= end).map((operation) =>
    operation.returned <= end ? operation : {
      ...operation,
      known: false,
      answer: undefined,
      returned: Infinity,
      returnedAt: undefined,
    }
  );
}

function begin(event: Invocation, at: number): Operation {
  return {
    client: event.client,
    op: event.op,
    key: event.key,
    value: event.value,
    expected: event.expected,
    known: false,
    answer: undefined,
    invoked: at,
    returned: Infinity,
    invokedAt: event.time,
    returnedAt: undefined,
  };
}
