/**
 * One field of a message: singular, repeated or a map, of scalars or of messages.
 */
import { Enum, type Field, type FieldBase, MapField, Type } from "protobufjs";
import { BadValue, isDefault, type Scalar, scalarOf } from "./scalar.ts";
import { WireError, type WireReader } from "./wire.ts";
import type { WireWriter } from "./wire_writer.ts";

/** A message, its fields by name. */
export interface Message {
  [field: string]: unknown;
}

/** Reads and writes the messages that a field holds. */
export interface MessageCodec {
  /** Reads the fields up to the reader's end into `into`, and fills in the defaults. */
  read(reader: WireReader, into: Message, depth: number): void;
  /** Appends the fields of `message`. */
  write(writer: WireWriter, message: Message): void;
}

/** Reads and writes one field. */
export interface FieldCodec {
  readonly name: string;
  readonly number: number;
  /** Gives a message about to be read this field's default; a merged message keeps what it has. */
  prepare(message: Message): void;
  /** Reads one occurrence; its tag has been read. */
  read(
    reader: WireReader,
    wireType: number,
    message: Message,
    depth: number,
  ): void;
  /** Writes the field, its tags included; throws BadValue. */
  write(writer: WireWriter, value: unknown): void;
}

const delimited = 2;

/** The codec of `field`; `codecOf` gives those of the messages it holds. */
export function fieldCodec(
  field: Field,
  codecOf: (type: Type) => MessageCodec,
): FieldCodec {
  field.resolve();
  const held = field.resolvedType instanceof Type
    ? codecOf(field.resolvedType)
    : undefined;
  if (field instanceof MapField) return new MapFieldCodec(field, held);
  if (held) {
    return field.repeated
      ? new MessageListCodec(field, held)
      : new MessageFieldCodec(field, held);
  }
  return field.repeated
    ? new ScalarListCodec(field)
    : new ScalarFieldCodec(field);
}

abstract class BaseField {
  readonly name: string;
  readonly number: number;
  /** The other fields of its oneof: setting one clears these. */
  readonly #others: readonly string[];

  constructor(field: FieldBase) {
    this.name = field.name;
    this.number = field.id;
    this.#others = (field.partOf?.fieldsArray ?? [])
      .map((other) => other.name).filter((name) => name !== field.name);
  }

  protected expect(
    reader: WireReader,
    wireType: number,
    expected: number,
  ): void {
    if (wireType !== expected) {
      throw new WireError("wrong_wire_type", reader.pos);
    }
  }

  protected clearOthers(message: Message): void {
    for (const other of this.#others) delete message[other];
  }
}

class ScalarFieldCodec extends BaseField implements FieldCodec {
  readonly #scalar: Scalar;
  readonly #tag: number;
  /** Whether "not set" differs from the default: fields of a oneof, and `optional` ones. */
  readonly #presence: boolean;

  constructor(field: Field) {
    super(field);
    this.#scalar = scalarIn(field);
    this.#tag = tagOf(field.id, this.#scalar.wireType);
    this.#presence = field.partOf !== null;
  }

  prepare(message: Message): void {
    if (!this.#presence) message[this.name] ??= this.#scalar.fallback;
  }

  read(reader: WireReader, wireType: number, message: Message): void {
    this.expect(reader, wireType, this.#scalar.wireType);
    this.clearOthers(message);
    message[this.name] = this.#scalar.read(reader);
  }

  write(writer: WireWriter, value: unknown): void {
    if (!this.#presence && isDefault(this.#scalar, value)) return;
    writer.uint32(this.#tag);
    this.#scalar.write(writer, value);
  }
}

class MessageFieldCodec extends BaseField implements FieldCodec {
  readonly #codec: MessageCodec;
  readonly #tag: number;

  constructor(field: Field, codec: MessageCodec) {
    super(field);
    this.#codec = codec;
    this.#tag = tagOf(field.id, delimited);
  }

  prepare(): void {}

  read(
    reader: WireReader,
    wireType: number,
    message: Message,
    depth: number,
  ): void {
    this.expect(reader, wireType, delimited);
    this.clearOthers(message);
    const nested = (message[this.name] ??= {}) as Message;
    readNested(this.#codec, reader, nested, depth);
  }

  write(writer: WireWriter, value: unknown): void {
    writer.uint32(this.#tag);
    writeNested(this.#codec, writer, value as Message);
  }
}

class MessageListCodec extends BaseField implements FieldCodec {
  readonly #codec: MessageCodec;
  readonly #tag: number;

  constructor(field: Field, codec: MessageCodec) {
    super(field);
    this.#codec = codec;
    this.#tag = tagOf(field.id, delimited);
  }

  prepare(message: Message): void {
    message[this.name] ??= [];
  }

  read(
    reader: WireReader,
    wireType: number,
    message: Message,
    depth: number,
  ): void {
    this.expect(reader, wireType, delimited);
    const nested: Message = {};
    readNested(this.#codec, reader, nested, depth);
    (message[this.name] as Message[]).push(nested);
  }

  write(writer: WireWriter, value: unknown): void {
    eachOf(value, (element) => {
      writer.uint32(this.#tag);
      writeNested(this.#codec, writer, element as Message);
    });
  }
}

class ScalarListCodec extends BaseField implements FieldCodec {
  readonly #scalar: Scalar;
  readonly #tag: number;

  constructor(field: Field) {
    super(field);
    this.#scalar = scalarIn(field);
    const packed = this.#scalar.wireType !== delimited;
    this.#tag = tagOf(field.id, packed ? delimited : this.#scalar.wireType);
  }

  prepare(message: Message): void {
    message[this.name] ??= [];
  }

  read(reader: WireReader, wireType: number, message: Message): void {
    const list = message[this.name] as unknown[];
    if (wireType === this.#scalar.wireType) {
      list.push(this.#scalar.read(reader));
      return;
    }
    this.expect(reader, wireType, delimited);
    const outer = enter(reader);
    while (reader.pos < reader.end) list.push(this.#scalar.read(reader));
    reader.end = outer;
  }

  write(writer: WireWriter, value: unknown): void {
    if (this.#scalar.wireType === delimited) {
      eachOf(value, (element) => {
        writer.uint32(this.#tag);
        this.#scalar.write(writer, element);
      });
    } else if ((value as unknown[]).length !== 0) {
      writer.uint32(this.#tag).fork();
      eachOf(value, (element) => this.#scalar.write(writer, element));
      writer.ldelim();
    }
  }
}

class MapFieldCodec extends BaseField implements FieldCodec {
  readonly #tag: number;
  readonly #key: Scalar;
  readonly #keyTag: number;
  readonly #scalar: Scalar | undefined;
  readonly #codec: MessageCodec | undefined;
  readonly #valueTag: number;

  constructor(field: MapField, codec: MessageCodec | undefined) {
    super(field);
    this.#tag = tagOf(field.id, delimited);
    this.#key = scalarOf(field.keyType);
    this.#keyTag = tagOf(1, this.#key.wireType);
    this.#codec = codec;
    this.#scalar = codec ? undefined : scalarIn(field);
    this.#valueTag = tagOf(2, this.#scalar?.wireType ?? delimited);
  }

  prepare(message: Message): void {
    message[this.name] ??= {};
  }

  read(
    reader: WireReader,
    wireType: number,
    message: Message,
    depth: number,
  ): void {
    this.expect(reader, wireType, delimited);
    const outer = enter(reader);
    let key: unknown = this.#key.fallback;
    let value: unknown = this.#scalar?.fallback;
    while (reader.pos < reader.end) {
      const tag = reader.tag();
      if (tag === this.#keyTag) {
        key = this.#key.read(reader);
      } else if (tag !== this.#valueTag) {
        reader.skip(tag & 7, tag >>> 3);
      } else if (this.#scalar) {
        value = this.#scalar.read(reader);
      } else {
        readNested(this.#codec!, reader, (value ??= {}) as Message, depth);
      }
    }
    if (value === undefined) {
      this.#codec!.read(reader, (value = {}) as Message, depth + 1);
    }
    reader.end = outer;
    setEntry(message[this.name] as Message, String(key), value);
  }

  write(writer: WireWriter, value: unknown): void {
    if (typeof value !== "object") {
      throw new BadValue("must be an object of entries", value);
    }
    for (const [key, element] of Object.entries(value as Message)) {
      writer.uint32(this.#tag).fork().uint32(this.#keyTag);
      try {
        this.#key.write(
          writer,
          typeof this.#key.fallback === "number" ? Number(key) : key,
        );
        writer.uint32(this.#valueTag);
        if (this.#scalar) this.#scalar.write(writer, element);
        else writeNested(this.#codec!, writer, element as Message);
      } catch (error) {
        throw error instanceof BadValue ? error.within(`[${key}]`) : error;
      }
      writer.ldelim();
    }
  }
}

/** A key such as "__proto__" must become an entry like any other. */
function setEntry(map: Message, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(map, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else map[key] = value;
}

function scalarIn({ resolvedType, type }: FieldBase): Scalar {
  return resolvedType instanceof Enum
    ? enumScalar(resolvedType)
    : scalarOf(type);
}

/** Whoever writes an enum's value by its name, as in JSON, is told the number. */
function enumScalar({ name, values }: Enum): Scalar {
  const scalar = scalarOf("int32");
  return {
    ...scalar,
    write: (writer, value) => {
      if (typeof value !== "string") return scalar.write(writer, value);
      const number = Object.hasOwn(values, value) ? values[value] : undefined;
      const is = number === undefined ? "" : `, which is ${number} here`;
      throw new BadValue(`must be a number of ${name}${is}`, value);
    },
  };
}

function tagOf(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}

function readNested(
  codec: MessageCodec,
  reader: WireReader,
  into: Message,
  depth: number,
): void {
  const outer = enter(reader);
  codec.read(reader, into, depth + 1);
  reader.end = outer;
}

/** Narrows the reader to the value that follows; returns the end to restore. */
function enter(reader: WireReader): number {
  const outer = reader.end;
  reader.end = reader.delimited();
  return outer;
}

function writeNested(
  codec: MessageCodec,
  writer: WireWriter,
  message: Message,
): void {
  writer.fork();
  codec.write(writer, message);
  writer.ldelim();
}

function eachOf(list: unknown, write: (element: unknown) => void): void {
  if (!Array.isArray(list)) throw new BadValue("must be an array", list);
  for (let i = 0; i < list.length; i++) {
    try {
      write(list[i]);
    } catch (error) {
      throw error instanceof BadValue ? error.within(`[${i}]`) : error;
    }
  }
}
