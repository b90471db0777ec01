/** Why a server cannot listen, in words: the runtime tells it in several, by what it listens with. */
import { Code, ConveyorError, messageOf } from "./errors.ts";

const reasons: readonly (readonly [told: RegExp, reason: string])[] = [
  [/EADDRINUSE|os error 98\)|already in use/, "it is in use"],
  [
    /EADDRNOTAVAIL|EINVAL|os error 99\)|not available/,
    "this machine has no such address",
  ],
  [
    /EACCES|os error 13\)/,
    "this process may not listen there; ports below 1024 need a privilege",
  ],
  [/ENOENT/, "there is no such folder"],
  [/Name resolution failed|failed to lookup/, "no address has this name"],
];

/** Unavailable: nobody listens at `address`, which stands in the option of this name. */
export function bindError(
  option: string,
  address: string,
  cause: unknown,
): ConveyorError {
  const told = messageOf(cause);
  const reason = reasons.find(([form]) => form.test(told))?.[1] ?? told;
  return new ConveyorError(
    Code.Unavailable,
    `Cannot listen on "${address}", which is "${option}": ${reason}`,
    { cause, details: [{ field: option, description: reason }] },
  );
}
