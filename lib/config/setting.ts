/**
 * One thing that an operator may set, under its three names: a flag, an environment variable, and a
 * key of the configuration file. All three are read by the same rule.
 */
import { formOption, type TextForm } from "../address_forms.ts";
import { invalidArgument } from "../errors.ts";

/** What may stand in a setting. */
export type SettingRule =
  | { readonly kind: "text"; readonly form?: TextForm }
  /** The path of a file that is read. */
  | { readonly kind: "file" }
  /** One of these, in letters of any case. */
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | {
    readonly kind: "integer";
    readonly min: number;
    readonly max: number;
    readonly unit?: "bytes" | "ms" | "records" | "s";
  }
  /** Text parts, in the file also as a list; elsewhere parted by commas. */
  | { readonly kind: "list"; readonly form?: TextForm };

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
  /** What errors call the option that has its value. */
  readonly option?: string;
  readonly rule: SettingRule;
  /** What the option has when nobody sets it, for the help; undefined: nothing. */
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
    case "file":
      return formOption(
        place,
        found,
        rule.kind === "text" && rule.form || anyText,
      );
    case "choice": {
      const choice = rule.choices.find((choice) =>
        typeof found === "string" &&
        choice.toLowerCase() === found.toLowerCase()
      );
      if (choice !== undefined) return choice;
      const choices = rule.choices.join(", ");
      throw invalidArgument(place, `must be one of ${choices}`, found);
    }
    case "integer": {
      const value = typeof found === "string" && /^-?\d+$/.test(found)
        ? Number(found)
        : found;
      const { min, max, unit } = rule;
      if (
        typeof value === "number" && Number.isSafeInteger(value) &&
        value >= min && value <= max
      ) return value;
      throw invalidArgument(
        place,
        `must be an integer from ${min} to ${max}${unit ? ` (${unit})` : ""}`,
        found,
      );
    }
    case "list": {
      const parts = typeof found === "string" ? found.split(",") : found;
      if (!Array.isArray(parts)) {
        throw invalidArgument(place, "must be a list of texts", found);
      }
      return parts.map((part) => {
        const text = typeof part === "string" ? part.trim() : part;
        const form = rule.form ?? anyText;
        return formOption(place, text, {
          ...form,
          rule: `${form.rule} each`,
        });
      });
    }
    default:
      return rule satisfies never;
  }
}

const anyText: TextForm = {
  rule: "must be a text that is not empty",
  fits: (text) => text.trim() !== "",
};
