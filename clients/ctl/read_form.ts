/**
 * What a file says, as a message. Everything that is wrong with it is told at once, each thing by the path
 * of its field; names that nobody knows are refused with the nearest that somebody does, as they would
 * otherwise silently do nothing.
 */
import { Enum, type Field, MapField, Type } from "protobufjs";
import type { FieldViolation } from "../../lib/errors.ts";
import { messageDepthMax } from "../../lib/limits.ts";
import { nearest } from "../../lib/nearest.ts";
import { Faults } from "../../lib/routing/faults.ts";
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import { enumValue, fieldName, fieldOf, valueNames } from "./form_names.ts";
import { durationRule, readDuration, readTimestamp } from "./form_times.ts";

/** A message, or what is wrong with the form of it. */
export type ReadResult<T> =
  | { readonly kind: "read"; readonly message: T }
  | { readonly kind: "faulty"; readonly faults: readonly FieldViolation[] };

/**
 * Reads a message of `type` from values of YAML whose integers are bigint. Field names may be in
 * snake_case or camelCase; null stands for a field that is left out.
 */
export function readForm<T>(type: Type, form: unknown): ReadResult<T> {
  const faults = new Faults();
  const init = new FormReader(faults).message(type, form, "", 0);
  if (!faults.none) return { kind: "faulty", faults: faults.list() };
  const codec = codecOf<T>(type);
  // There and back, so that what is left out has its default.
  const message = codec.decode(codec.encode(init as MessageInit<T>));
  return { kind: "read", message };
}

class FormReader {
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  message(type: Type, form: unknown, path: string, depth: number): unknown {
    switch (type.fullName) {
      case ".google.protobuf.Duration":
        return this.#text(form, path, durationRule, readDuration);
      case ".google.protobuf.Timestamp":
        return this.#text(form, path, momentRule, readTimestamp);
    }
    if (depth > messageDepthMax) {
      this.#faults.say(path, `must not be more than ${messageDepthMax} deep`);
      return undefined;
    }
    if (!isMapping(form)) {
      return this.#fault(path, "must be a mapping of names to values", form);
    }
    const message: { [field: string]: unknown } = {};
    for (const [name, value] of Object.entries(form)) {
      const at = /^[\w-]+$/.test(name)
        ? `${path}.${name}`.replace(/^\./, "")
        : `${path}[${JSON.stringify(name)}]`;
      const known = fieldOf(type, name);
      if (known === undefined) this.#faults.say(at, unknownField(type, name));
      else if (Object.hasOwn(message, known)) {
        this.#faults.say(at, "must be given once, in one spelling");
      } else if (value !== null && value !== undefined) {
        const field = type.fields[known]!.resolve();
        message[known] = this.#field(field, value, at, depth);
      }
    }
    this.#checkOneofs(type, message, path);
    return message;
  }

  #field(field: Field, value: unknown, path: string, depth: number): unknown {
    const read = (each: unknown, at: string): unknown =>
      each === null
        ? this.#fault(at, "must have a value", each)
        : this.#value(field, each, at, depth);
    if (field instanceof MapField) {
      if (!isMapping(value)) {
        return this.#fault(path, "must be a mapping of names to values", value);
      }
      const entries = Object.entries(value).map(([key, each]) =>
        [key, read(each, `${path}[${JSON.stringify(key)}]`)] as const
      );
      return Object.fromEntries(entries);
    }
    if (!field.repeated) return this.#value(field, value, path, depth);
    if (!Array.isArray(value)) {
      return this.#fault(path, "must be a list", value);
    }
    return value.map((each, at) => read(each, `${path}[${at}]`));
  }

  #value(
    { resolvedType, type }: Field,
    value: unknown,
    path: string,
    depth: number,
  ): unknown {
    if (resolvedType instanceof Type) {
      return this.message(resolvedType, value, path, depth + 1);
    }
    if (resolvedType instanceof Enum) {
      return this.#choice(resolvedType, value, path);
    }
    switch (type) {
      case "string":
        if (typeof value === "string") return value;
        return this.#fault(
          path,
          isScalar(value)
            ? `must be a text: write it in quotes, as "${value}"`
            : "must be a text",
          value,
        );
      case "bool":
        if (typeof value === "boolean") return value;
        return this.#fault(path, "must be true or false", value);
      case "bytes":
        return this.#text(value, path, "must be bytes in base64", decodeBase64);
      case "float":
      case "double":
        if (typeof value === "bigint") return Number(value);
        if (typeof value === "number") return value;
        return this.#fault(path, "must be a number", value);
      default:
        return this.#integer(type, value, path);
    }
  }

  #integer(type: string, value: unknown, path: string): unknown {
    const bits = type.endsWith("64") ? 64n : 32n;
    const [min, max] = /^(u|fixed)/.test(type)
      ? [0n, 2n ** bits - 1n]
      : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
    // 64 bits are a text in the JSON of protobuf, and 5.0 is the integer 5.
    const found = typeof value === "string" && /^-?\d{1,20}$/.test(value) ||
        typeof value === "number" && Number.isSafeInteger(value)
      ? BigInt(value)
      : value;
    if (typeof found !== "bigint" || found < min || found > max) {
      const rule = `must be an integer from ${min} to ${max}`;
      return this.#fault(path, rule, value);
    }
    return bits === 64n ? found : Number(found);
  }

  #choice(type: Enum, value: unknown, path: string): unknown {
    if (typeof value === "bigint" && Number(value) in type.valuesById) {
      return Number(value);
    }
    if (typeof value === "string") {
      const known = enumValue(type, value);
      if (known !== undefined) return known;
    }
    const names = valueNames(type).filter((name) => name !== "unspecified");
    return this.#fault(path, `must be one of ${names.join(", ")}`, value);
  }

  #text<T>(
    value: unknown,
    path: string,
    rule: string,
    read: (text: string) => T | undefined,
  ): T | undefined {
    const found = typeof value === "string" ? read(value) : undefined;
    if (found === undefined) this.#fault(path, rule, value);
    return found;
  }

  /** Of the fields of a oneof at most one may be set. */
  #checkOneofs(
    type: Type,
    message: { readonly [field: string]: unknown },
    path: string,
  ): void {
    for (const { fieldsArray } of type.oneofsArray) {
      const set = fieldsArray.map(({ name }) => name)
        .filter((name) => Object.hasOwn(message, name)).map(fieldName);
      if (set.length < 2) continue;
      this.#faults.say(
        path,
        `must have only one of ${set.join(", ")}`,
      );
    }
  }

  #fault(path: string, rule: string, found: unknown): undefined {
    this.#faults.add(path, path === "" ? `it ${rule}` : rule, found);
  }
}

const momentRule = 'must be a time as "2026-11-30T13:45:00Z"';

function unknownField(type: Type, name: string): string {
  const known = Object.keys(type.fields).map(fieldName);
  // The name may be in camelCase, as the nearest is then not.
  const near = nearest(fieldName(name), known);
  return near === undefined
    ? `is no field of ${type.name}, which has ${known.join(", ")}`
    : `is no field of ${type.name}; did you mean "${near}"?`;
}

function isMapping(value: unknown): value is { [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Uint8Array);
}

function isScalar(value: unknown): boolean {
  return ["number", "bigint", "boolean"].includes(typeof value);
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}
