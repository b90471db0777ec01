/** The variables of the environment that a process reads, and those that somebody misspelt. */
import { nearest } from "../nearest.ts";
import { runtimeVariables } from "../permissions.ts";
import { type Setting, variableOf } from "./setting.ts";

/** Names the configuration file. */
export const configVariable = "CONVEYOR_CONFIG";

const prefix = "CONVEYOR_";

/** Names, some of them patterns, of all that a process with these settings reads. */
export function environmentNames(settings: readonly Setting[]): string[] {
  const own = settings.map(variableOf)
    .filter((name) => !name.startsWith(prefix));
  return [`${prefix}*`, ...own, "DENO_KV_*", ...runtimeVariables];
}

/**
 * Of the variables that are `set`, those that nobody reads, each with the one that was most likely meant.
 * Others may begin as ours do, as what Kubernetes sets for a service that is called conveyor.
 */
export function misspeltVariables(
  settings: readonly Setting[],
  set: readonly string[],
): [name: string, meant: string][] {
  const known = settings.map(variableOf).filter((name) =>
    name.startsWith(prefix)
  ).map((name) => name.slice(prefix.length));
  return set.filter((name) => name.startsWith(prefix)).flatMap((name) => {
    const rest = name.slice(prefix.length);
    if (known.includes(rest) || name === configVariable) return [];
    const meant = nearest(rest, known);
    return meant === undefined ? [] : [[name, prefix + meant]];
  });
}
