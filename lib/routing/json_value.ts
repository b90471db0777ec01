/**
 * JSON as expressions read it. Objects become Maps, so that a key like "constructor" or "__proto__"
 * is a key like any other, and the values are counted, so that loops over them can be bounded.
 */
import { decodeUtf8 } from "../../proto/utf8.ts";

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>;

/** The value in `bytes`, and how many values and entries it is made of; undefined if it is not JSON. */
export function jsonValue(
  bytes: Uint8Array,
): { readonly value: JsonValue; readonly count: number } | undefined {
  // Most payloads that are not JSON show it at once, and an exception costs a hundred records.
  if (!startsLikeJson(bytes)) return undefined;
  const text = decodeUtf8(bytes, 0, bytes.length);
  if (text === undefined) return undefined;
  try {
    const counter = { count: 0 };
    const value = withMaps(JSON.parse(text), counter);
    return { value, count: counter.count };
  } catch {
    return undefined; // not JSON, or nested deeper than the stack
  }
}

function startsLikeJson(bytes: Uint8Array): boolean {
  let i = 0;
  while (i < bytes.length && " \t\r\n".includes(charAt(bytes, i))) i++;
  return i < bytes.length && '{["-0123456789tfn'.includes(charAt(bytes, i));
}

function charAt(bytes: Uint8Array, i: number): string {
  return String.fromCharCode(bytes[i]!);
}

function withMaps(value: unknown, counter: { count: number }): JsonValue {
  counter.count++;
  if (typeof value !== "object" || value === null) return value as JsonValue;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      value[i] = withMaps(value[i], counter);
    }
    return value;
  }
  const map = new Map<string, JsonValue>();
  for (const key of Object.keys(value)) {
    map.set(key, withMaps((value as Record<string, unknown>)[key], counter));
  }
  return map;
}
