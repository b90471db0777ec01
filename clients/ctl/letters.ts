/**
 * The commands about dead letters. Every router keeps the letters of its own stages: all that are named by
 * `--router` are asked.
 */
import { Code, ConveyorError, invalidArgument } from "../../lib/errors.ts";
import type { MessageInit } from "../../proto/codec.ts";
import {
  type DeadLetter,
  type DeadLetterFilter,
  ReplayStatus,
} from "../../proto/messages/dead_letters.ts";
import type { Timestamp } from "../../proto/messages/google.ts";
import { schema } from "../../proto/schema.ts";
import type { DeadLetterClient } from "../dead_letter_client.ts";
import type { Call, Flags } from "./command.ts";
import { onEachRouter } from "./each_router.ts";
import { readTimestamp } from "./form_times.ts";
import { type Column, rowsOf } from "./output.ts";
import { type Form, writeForm } from "./write_form.ts";

const letterType = schema.lookupType("conveyor.router.DeadLetter");
const countType = schema.lookupType("conveyor.router.DeadLetterCount");
/** Letters that are listed when nobody says how many. */
const limitDefault = 100;

const letterColumns: readonly Column[] = [
  ["ID", "dead_letter_id"],
  ["PIPELINE", "pipeline_id"],
  ["STAGE", "stage_id"],
  ["ERROR", "error_code"],
  ["ATTEMPTS", "attempts"],
  ["LAST FAILURE", "last_failure"],
  ["MESSAGE", "error_message"],
];
const countColumns: readonly Column[] = [
  ["PIPELINE", "pipeline_id"],
  ["STAGE", "stage_id"],
  ["ERROR", "error_code"],
  ["LETTERS", "count"],
];

type Work = (letters: DeadLetterClient) => Promise<void>;

function onEach(call: Call, work: Work): Promise<number> {
  return onEachRouter(call, (router) => call.session.letters(router), work);
}

/** How many there are, by pipeline, stage and kind of failure. */
export async function count(call: Call): Promise<void> {
  const filter = filterOf(call);
  const forms: Form[] = [];
  const answered = await onEach(call, async (letters) => {
    const { counts } = await letters.stats(filter);
    forms.push(...counts.map((each) => writeForm(countType, each, true)));
  });
  if (answered > 0) {
    call.show({
      forms,
      table: () => rowsOf(countColumns, forms),
    });
  }
}

export async function list(call: Call): Promise<void> {
  const filter = filterOf(call);
  const limit = limitOf(call.flags);
  const forms: Form[] = [];
  const answered = await onEach(call, async (letters) => {
    if (forms.length > limit) return;
    // One more tells whether there are more.
    const pageSize = limit - forms.length + 1;
    for await (const letter of letters.list(filter, { pageSize })) {
      forms.push(formOf(letter));
    }
  });
  if (answered === 0) return;
  const shown = forms.slice(0, limit);
  call.show({ forms: shown, table: () => rowsOf(letterColumns, shown) });
  if (forms.length > limit) {
    call.note(`There are more than these ${limit}; --limit shows others too`);
  }
}

export async function get(call: Call): Promise<void> {
  const id = call.words[0]!;
  const found: Form[] = [];
  const answered = await onEach(call, async (letters) => {
    if (found.length > 0) return;
    try {
      found.push(formOf(await letters.get(id)));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  });
  if (answered === 0) return;
  if (found.length === 0) {
    // A router that was not asked may keep it.
    if (answered < call.session.routers.length) return;
    throw noLetter(id);
  }
  call.show({ forms: found[0]!, table: () => rowsOf(letterColumns, found) });
}

/** Says what became of each letter; fails unless all are settled. */
export async function replay(call: Call): Promise<void> {
  const filter = selective("replay", call);
  const fromSource = call.flags.isSet("from-source");
  const missing = new Set(filter.deadLetterIds);
  let settled = 0;
  let others = 0;
  const answered = await onEach(call, async (letters) => {
    for await (const result of letters.replay(filter, { fromSource })) {
      const { deadLetterId: id, status, errorCode, errorMessage } = result;
      // Another router may keep it.
      if (status === ReplayStatus.NotFound) continue;
      missing.delete(id);
      if (status === ReplayStatus.Settled) settled++;
      else others++;
      const word = (ReplayStatus[status] ?? `${status}`).toLowerCase();
      const why = errorCode === "" ? "" : `: ${errorCode}: ${errorMessage}`;
      call.say(`letter "${id}" ${word}${why}`);
    }
  });
  if (answered === 0) return;
  if (answered === call.session.routers.length) {
    for (const id of missing) call.fail(noLetter(id));
  }
  call.say(`${settled} settled, ${others} kept`);
  if (others > 0) {
    call.fail(
      new ConveyorError(Code.Aborted, `${others} letters are not settled`),
    );
  }
}

/** Removes letters for good. */
export async function discard(call: Call): Promise<void> {
  const filter = selective("discard", call);
  let discarded = 0n;
  const answered = await onEach(call, async (letters) => {
    discarded += await letters.discard(filter);
  });
  if (answered > 0) call.say(`${discarded} letters discarded`);
}

/** The letter; its payload as text too, where it is one. */
function formOf(letter: DeadLetter): Form {
  const form = writeForm(letterType, letter, true) as {
    readonly [name: string]: Form;
  };
  const text = textOf(letter.record?.payload);
  if (text === undefined) return form;
  return { ...form, record: { ...form.record as object, payload_text: text } };
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  try {
    return bytes && new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function filterOf({ words, flags }: Call): MessageInit<DeadLetterFilter> {
  return {
    deadLetterIds: words.filter((id) => id !== undefined),
    pipelineId: flags.text("pipeline"),
    stageId: flags.text("stage"),
    errorCode: flags.text("error-code"),
    failedFrom: timeOf(flags, "failed-from"),
    failedBefore: timeOf(flags, "failed-before"),
  };
}

/** What a router demands too: that a selection that was forgotten does not mean all. */
function selective(what: string, call: Call): MessageInit<DeadLetterFilter> {
  const filter = filterOf(call);
  const { deadLetterIds, ...parts } = filter;
  const some = (deadLetterIds ?? []).length > 0 ||
    Object.values(parts).some((part) => part !== undefined);
  const all = call.flags.isSet("all");
  if (all !== some) {
    // From the beginning of time, which is a part that is set.
    return all ? { ...filter, failedFrom: { seconds: 0n, nanos: 0 } } : filter;
  }
  throw new ConveyorError(
    Code.InvalidArgument,
    all
      ? `Cannot accept "--all": it goes without any other selection`
      : `Cannot ${what} letters: say which, by ids, --pipeline, --stage or the like, or --all`,
  );
}

function timeOf(flags: Flags, name: string): Timestamp | undefined {
  const text = flags.text(name);
  const time = text === undefined ? undefined : readTimestamp(text);
  if (time !== undefined || text === undefined) return time;
  const rule = 'must be a time as "2026-11-30T13:45:00Z"';
  throw invalidArgument(`--${name}`, rule, text);
}

function limitOf(flags: Flags): number {
  const text = flags.text("limit") ?? `${limitDefault}`;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw invalidArgument("--limit", "must be from 1 to 9999999", text);
}

function isNotFound(error: unknown): boolean {
  return error instanceof ConveyorError && error.code === Code.NotFound;
}

function noLetter(id: string): ConveyorError {
  return new ConveyorError(Code.NotFound, `There is no letter "${id}"`);
}
