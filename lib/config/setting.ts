/**
 * One thing that an operator may set, under its three names: a flag, an environment variable, and a
 * key of the configuration file. All three are read by the same rule.
 */
import { invalidArgument } from "../errors.ts";

/** What may stand in a setting. */
export type SettingRule =
  | { readonly kind: "text" }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  /** Text parts, in the file also as a list; elsewhere parted by commas. */
  | { readonly kind: "list" };

export type SettingValue = string | number | readonly string[];

/** A setting. */
export interface Setting {
  /** Section and name in the file: "cluster.node_id". */
  readonly key: string;
  /** Without its dashes: "node-id". */
  readonly flag: string;
  /** One letter, without its dash. */
  readonly short?: string;
  /** Its variable, where that is not made of the flag. */
  readonly variable?: string;
  readonly rule: SettingRule;
  /** What it has when nobody sets it; undefined: nothing. */
  readonly fallback?: SettingValue;
  /** What it means, in a line of the help. */
  readonly help: string;
}

/** The environment variable of a setting: CONVEYOR_NODE_ID. */
export function variableOf({ flag, variable }: Setting): string {
  return variable ?? `CONVEYOR_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** The value in `found`, which stands at `place`; InvalidArgument names the place and the rule. */
export function readSetting(
  { rule }: Setting,
  found: unknown,
  place: string,
): SettingValue {
  switch (rule.kind) {
    case "text":
      if (typeof found === "string" && found !== "") return found;
      throw invalidArgument(place, "must be a text that is not empty", found);
    case "choice":
      if (rule.choices.includes(found as string)) return found as string;
      throw invalidArgument(
        place,
        `must be one of ${rule.choices.join(", ")}`,
        found,
      );
    case "integer": {
      const value = typeof found === "string" && /^-?\d+$/.test(found)
        ? Number(found)
        : found;
      const { min, max } = rule;
      if (
        typeof value === "number" && Number.isSafeInteger(value) &&
        value >= min && value <= max
      ) return value;
      throw invalidArgument(
        place,
        `must be an integer from ${min} to ${max}`,
        found,
      );
    }
    case "list": {
      const parts = typeof found === "string" ? found.split(",") : found;
      if (
        Array.isArray(parts) &&
        parts.every((part) => typeof part === "string" && part.trim() !== "")
      ) return parts.map((part) => part.trim());
      throw invalidArgument(
        place,
        "must be a list of texts, none of them empty",
        found,
      );
    }
    default:
      return rule satisfies never;
  }
}
