/**
 * Refusals as data, and the rules that several aggregates share. What a command may not do is told
 * to its proposer as a code, a field, the rule and the value found; nothing has changed then.
 */
import { Code, quote } from "../errors.ts";
import { idCharsMax } from "../limits.ts";
import type { Done, Refused, StateEvent } from "./types.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { Answer } from "../../proto/messages/state.ts";

/** A refusal. */
export function refuse(
  code: Code,
  field: string,
  rule: string,
  found: unknown,
): Refused {
  return {
    kind: "refused",
    refusal: { code, field, rule, found: quote(found) },
  };
}

/** A command carried out. */
export function done(
  events: readonly StateEvent[],
  answer: MessageInit<Answer> = {},
): Done {
  return { kind: "done", answer, events };
}

/** Why `id` cannot be one; undefined: it can. */
export function badId(field: string, id: string): Refused | undefined {
  if (id.length > 0 && id.length <= idCharsMax) return undefined;
  return refuse(
    Code.InvalidArgument,
    field,
    `must have 1 to ${idCharsMax} characters`,
    id.length > 0 ? `${id.length} characters` : id,
  );
}

/** Nothing is known by that id. */
export function notFound(field: string, what: string, id: string): Refused {
  return refuse(Code.NotFound, field, `must name a ${what} that exists`, id);
}

/** The state has as many as it may have. */
export function noRoomFor(field: string, what: string, max: number): Refused {
  return refuse(
    Code.ResourceExhausted,
    field,
    `there may be at most ${max} ${what}`,
    max,
  );
}
