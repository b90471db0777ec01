/**
 * Names that a message's type does not have: a codec passes over them, so that a setting that is misspelt,
 * or written as in JSON files of protobuf (stage_type), would silently not be there.
 */
import { MapField, Type } from "protobufjs";
import { invalidArgument } from "../lib/errors.ts";
import { messageDepthMax } from "../lib/limits.ts";
import { nearest } from "../lib/nearest.ts";

/** InvalidArgument that tells the path of the first such name in `message`, which stands at `place`. */
export function refuseStrangeNames(
  type: Type,
  message: unknown,
  place: string,
  depth = 0,
): void {
  // What is no message at all is for the codec to refuse.
  if (typeof message !== "object" || message === null) return;
  if (depth > messageDepthMax) return;
  for (const [name, value] of Object.entries(message)) {
    const path = `${place}.${name}`;
    if (!Object.hasOwn(type.fields, name)) throw strange(type, name, path);
    const field = type.fields[name]!.resolve();
    const { resolvedType } = field;
    if (!(resolvedType instanceof Type)) continue;
    const many = field.repeated || field instanceof MapField;
    const held = many ? Object.entries(value ?? {}) : [["", value] as const];
    for (const [key, each] of held) {
      const at = many ? `${path}[${key}]` : path;
      refuseStrangeNames(resolvedType, each, at, depth + 1);
    }
  }
}

function strange(type: Type, name: string, path: string): Error {
  const near = nearest(name, Object.keys(type.fields));
  const hint = near === undefined ? "" : `, such as "${near}"`;
  return invalidArgument(path, `must be a field of ${type.name}${hint}`, name);
}
