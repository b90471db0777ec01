/**
 * A message as files have it: its fields by the names of the `.proto`, in their order there. What is
 * written is read again as the same message.
 */
import { Enum, type Field, MapField, Type } from "protobufjs";
import type { Duration, Timestamp } from "../../proto/messages/google.ts";
import { fieldName, valueName } from "./form_names.ts";
import { writeDuration, writeTimestamp } from "./form_times.ts";

/** A value as YAML and JSON have it; a bigint is an integer of any size. */
export type Form =
  | string
  | number
  | bigint
  | boolean
  | readonly Form[]
  | { readonly [name: string]: Form };

/**
 * `message`, which is of `type`, as files have it: without the fields that have their default, or `whole`,
 * for readers that count on them.
 */
export function writeForm(type: Type, message: object, whole = false): Form {
  if (type.fullName === ".google.protobuf.Duration") {
    return writeDuration(message as Duration);
  }
  if (type.fullName === ".google.protobuf.Timestamp") {
    return writeTimestamp(message as Timestamp);
  }
  const form: { [name: string]: Form } = {};
  for (const field of type.fieldsArray) {
    field.resolve();
    const value = (message as { [name: string]: unknown })[field.name];
    if (value === undefined || !whole && isDefault(field, value)) continue;
    form[fieldName(field.name)] = writeField(field, value, whole);
  }
  return form;
}

function writeField(field: Field, value: unknown, whole: boolean): Form {
  if (field instanceof MapField) {
    // In the order of their names: a map has none of its own, and a file should not change by itself.
    return Object.fromEntries(
      Object.entries(value as object).toSorted(([a], [b]) => a < b ? -1 : 1)
        .map(([key, each]) => [key, writeValue(field, each, whole)]),
    );
  }
  if (field.repeated) {
    return (value as unknown[]).map((each) => writeValue(field, each, whole));
  }
  return writeValue(field, value, whole);
}

function writeValue(
  { resolvedType, type }: Field,
  value: unknown,
  whole: boolean,
): Form {
  if (resolvedType instanceof Type) {
    return writeForm(resolvedType, value as object, whole);
  }
  if (resolvedType instanceof Enum) {
    return valueName(resolvedType, value as number) ?? value as number;
  }
  if (value instanceof Uint8Array) return value.toBase64();
  return type === "float" ? shortestFloat(value as number) : value as Form;
}

/** A field that knows whether it is set has no default: set, it is always written. */
function isDefault(field: Field, value: unknown): boolean {
  if (field.repeated) return (value as unknown[]).length === 0;
  if (field instanceof MapField) {
    return Object.keys(value as object).length === 0;
  }
  if (field.partOf || field.resolvedType instanceof Type) return false;
  return value === "" || value === false || value === 0n ||
    Object.is(value, 0) || value instanceof Uint8Array && value.length === 0;
}

/** The shortest decimal that is the same float: 1.1 and not 1.100000023841858. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
