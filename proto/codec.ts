/**
 * Messages to bytes and back, by the schema. Stricter than protobufjs, which writes 0 for a bigint
 * and for a value of the wrong type: here such a value is refused by name, 64-bit integers are
 * bigint over their whole range, and what the schema does not know survives a round trip.
 */
import type { Type } from "protobufjs";
import { Code, ConveyorError, quote } from "../lib/errors.ts";
import { messageDepthMax } from "../lib/limits.ts";
import {
  type FieldCodec,
  fieldCodec,
  type Message,
  type MessageCodec,
} from "./field_codec.ts";
import { BadValue } from "./scalar.ts";
import { WireError, WireReader } from "./wire.ts";
import { WireWriter } from "./wire_writer.ts";

/** A message as a caller may give it: what is left out has its default. */
export type MessageInit<T> = T extends
  Uint8Array | string | number | bigint | boolean | undefined ? T
  : T extends (infer E)[] ? readonly MessageInit<E>[]
  : { readonly [P in keyof T]?: MessageInit<T[P]> | undefined };

/** Writes and reads one type of message. */
export interface Codec<T> {
  /** The message as bytes. A value that breaks its field's rule is InvalidArgument. */
  encode(message: MessageInit<T>): Uint8Array;
  /** The message in `bytes`, byte fields being views of them. Malformed bytes are a WireError. */
  decode(bytes: Uint8Array): T;
}

/** Fields of a decoded message that the schema does not know, kept so that they are sent on. */
export const unknownFields: unique symbol = Symbol("unknownFields");

const codecs = new Map<Type, TypeCodec>();

/** The codec of a type of the schema. */
export function codecOf<T>(type: Type): Codec<T> {
  return typeCodecOf(type) as unknown as Codec<T>;
}

function typeCodecOf(type: Type): TypeCodec {
  let codec = codecs.get(type);
  if (!codec) codecs.set(type, codec = new TypeCodec(type));
  return codec;
}

/** What a decoded message also carries; a symbol, so that spreading a message takes it along. */
interface Unknowns {
  [unknownFields]?: Uint8Array[];
}

/** The codec of one type; its plan is made on first use, since types may hold themselves. */
class TypeCodec implements MessageCodec {
  readonly #type: Type;
  #plan: Plan | undefined;

  constructor(type: Type) {
    this.#type = type;
  }

  encode(message: Message): Uint8Array {
    const writer = new WireWriter();
    try {
      this.write(writer, message);
    } catch (error) {
      throw error instanceof BadValue ? this.#refusal(error) : error;
    }
    return writer.finish();
  }

  decode(bytes: Uint8Array): Message {
    const message: Message = {};
    this.read(new WireReader(bytes), message, 0);
    return message;
  }

  write(writer: WireWriter, message: Message): void {
    // A Date or an array has none of the fields: it would be sent as an empty message.
    if (
      typeof message !== "object" || message === null ||
      Array.isArray(message) || message instanceof Date
    ) {
      throw new BadValue(
        `must be a message of type ${this.#type.name}`,
        message,
      );
    }
    const { fields, oneofs } = this.#plan ??= planOf(this.#type);
    for (const oneof of oneofs) checkOneof(oneof, message);
    for (const field of fields) {
      const value = message[field.name];
      if (value === undefined || value === null) continue;
      try {
        field.write(writer, value);
      } catch (error) {
        throw error instanceof BadValue ? error.within(field.name) : error;
      }
    }
    const unknown = (message as Unknowns)[unknownFields];
    if (unknown) { for (const bytes of unknown) writer.raw(bytes); }
  }

  read(reader: WireReader, message: Message, depth: number): void {
    if (depth > messageDepthMax) {
      throw new WireError("nested_too_deep", reader.pos);
    }
    const { fields, byNumber } = this.#plan ??= planOf(this.#type);
    for (const field of fields) field.prepare(message);
    while (reader.pos < reader.end) {
      const start = reader.pos;
      const tag = reader.tag();
      const field = byNumber.get(tag >>> 3);
      if (field) {
        field.read(reader, tag & 7, message, depth);
      } else {
        reader.skip(tag & 7, tag >>> 3);
        ((message as Unknowns)[unknownFields] ??= []).push(
          reader.buf.slice(start, reader.pos),
        );
      }
    }
  }

  #refusal(bad: BadValue): ConveyorError {
    const field = bad.path || this.#type.name;
    const description = `${bad.rule}, found ${quote(bad.found)}`;
    return new ConveyorError(
      Code.InvalidArgument,
      `Cannot encode ${this.#type.name}: "${field}" ${description}`,
      { details: [{ field, description }] },
    );
  }
}

interface Plan {
  /** In the order of their numbers, which is the order on the wire. */
  readonly fields: readonly FieldCodec[];
  readonly byNumber: ReadonlyMap<number, FieldCodec>;
  /** Names of fields of which at most one may be set. */
  readonly oneofs: readonly (readonly string[])[];
}

function planOf(type: Type): Plan {
  const fields = type.fieldsArray.toSorted((a, b) => a.id - b.id)
    .map((field) => fieldCodec(field, typeCodecOf));
  return {
    fields,
    byNumber: new Map(fields.map((field) => [field.number, field])),
    oneofs: type.oneofsArray
      .filter((oneof) => oneof.fieldsArray.length > 1)
      .map((oneof) => oneof.fieldsArray.map((field) => field.name)),
  };
}

function checkOneof(names: readonly string[], message: Message): void {
  const set = names.filter((name) =>
    message[name] !== undefined && message[name] !== null
  );
  if (set.length > 1) {
    throw new BadValue(
      `at most one of them may be set: ${names.join(", ")}`,
      set.join(", "),
    )
      .within(set[1]!);
  }
}
