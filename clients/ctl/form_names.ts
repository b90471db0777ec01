/**
 * How a message's fields and enum values are called in a file: as in its `.proto`, so that a file, the
 * reference and the faults that a router tells have one set of names. Values go without the prefix that
 * all of their enum share, in small letters: `STAGE_TYPE_SINK` is `sink`.
 */
import type { Enum, Type } from "protobufjs";

/** `stageType` as the `.proto` has it: `stage_type`. */
export function fieldName(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The field that `name` means, in either case; undefined when there is none. */
export function fieldOf(type: Type, name: string): string | undefined {
  return Object.keys(type.fields).find((field) =>
    name === field || name === fieldName(field)
  );
}

/** The value of an enum as files have it; undefined for a number that the enum does not know. */
export function valueName(type: Enum, value: number): string | undefined {
  const name = Object.keys(type.values).find((name) =>
    type.values[name] === value
  );
  return name?.slice(prefixOf(type).length).toLowerCase();
}

/** The values of an enum as files have them, in the order of their numbers. */
export function valueNames(type: Enum): string[] {
  return Object.values(type.values).map((value) => valueName(type, value)!);
}

/** The value that `name` means, with or without the prefix, in letters of any case. */
export function enumValue(type: Enum, name: string): number | undefined {
  const upper = name.toUpperCase();
  return [upper, prefixOf(type) + upper]
    .filter((each) => Object.hasOwn(type.values, each))
    .map((each) => type.values[each])[0];
}

/** What all names of an enum begin with, up to an underscore. */
function prefixOf(type: Enum): string {
  const [first = "", ...others] = Object.keys(type.values);
  let prefix = first.slice(0, first.lastIndexOf("_") + 1);
  while (prefix !== "" && !others.every((name) => name.startsWith(prefix))) {
    prefix = prefix.slice(0, prefix.lastIndexOf("_", prefix.length - 2) + 1);
  }
  return prefix;
}
