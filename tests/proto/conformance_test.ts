/**
 * Every message type of the wire contract, filled at random, against an independent implementation
 * (@bufbuild/protobuf): the same bytes both ways. A failure prints its seed.
 */
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { createFileRegistry } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { assertEquals, assertGreater } from "@std/assert";
import { type Random, seededRandom } from "../../lib/random.ts";
import { codecOf } from "../../proto/codec.ts";
import { descriptorSetBase64 } from "../../proto/descriptor_set.ts";
import { schema } from "../../proto/schema.ts";

const registry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    Uint8Array.fromBase64(descriptorSetBase64),
  ),
);
const messages = [...registry].filter((type): type is DescMessage =>
  type.kind === "message" && !type.typeName.startsWith("google.protobuf.")
);

const uint64s = [
  0n,
  1n,
  127n,
  128n,
  2n ** 32n,
  2n ** 53n + 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

function randomScalar(type: ScalarType, random: Random): unknown {
  switch (type) {
    case ScalarType.STRING:
      return pick(random, ["", "a", "source-é", "日本語 😀", "x".repeat(300)]);
    case ScalarType.BYTES:
      return pick(random, [
        new Uint8Array(0),
        new Uint8Array([0, 255]),
        new Uint8Array(200),
      ]);
    case ScalarType.BOOL:
      return random() < 0.5;
    case ScalarType.UINT64:
      return pick(random, uint64s);
    case ScalarType.INT64:
      return BigInt.asIntN(64, pick(random, uint64s));
    case ScalarType.UINT32:
      return pick(random, [0, 1, 300, 2 ** 31, 2 ** 32 - 1]);
    case ScalarType.INT32:
      return pick(random, [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]);
    case ScalarType.FLOAT:
      return pick(random, [0, -0, 0.5, Math.fround(0.1), Infinity]);
    case ScalarType.DOUBLE:
      return pick(random, [0, -0, 0.1, 1e300, -Infinity]);
    default:
      throw new Error(`no random value for scalar type ${type}`);
  }
}

function randomMessage(
  desc: DescMessage,
  random: Random,
  depth: number,
): Message {
  const message = create(desc);
  const filled: ReflectMessage = reflect(desc, message);
  for (const member of desc.members) {
    const field: DescField = member.kind === "oneof"
      ? pick(random, member.fields)
      : member;
    if (random() < 0.7) fill(filled, field, random, depth);
  }
  return message;
}

function fill(
  into: ReflectMessage,
  field: DescField,
  random: Random,
  depth: number,
): void {
  // An enum takes numbers that this version does not know.
  const value = (of: DescField): unknown => {
    if (of.message) {
      return reflect(of.message, randomMessage(of.message, random, depth + 1));
    }
    return of.enum
      ? pick(random, [0, 1, 2, 77])
      : randomScalar(of.scalar!, random);
  };
  if (field.message && depth > 3) return;
  const count = Math.floor(random() * 4);
  if (field.fieldKind === "list") {
    for (let i = 0; i < count; i++) into.get(field).add(value(field) as never);
  } else if (field.fieldKind === "map") {
    for (let i = 0; i < count; i++) {
      into.get(field).set(
        randomScalar(field.mapKey, random) as never,
        value(field) as never,
      );
    }
  } else {
    into.set(field, value(field) as never);
  }
}

Deno.test("codecOf() writes and reads the bytes that another implementation does", () => {
  assertGreater(messages.length, 100);
  const seed = Math.floor(performance.now() * 1000) >>> 0;
  const random = seededRandom(seed);
  for (const desc of messages) {
    const codec = codecOf<object>(schema.lookupType(desc.typeName));
    for (let round = 0; round < 20; round++) {
      const bytes = toBinary(desc, randomMessage(desc, random, 0));
      const decoded = codec.decode(bytes);
      assertEquals(
        codec.encode(decoded),
        bytes,
        `${desc.typeName}, SEED=${seed}`,
      );
      const again = fromBinary(desc, codec.encode(decoded));
      assertEquals(
        toBinary(desc, again),
        bytes,
        `${desc.typeName}, SEED=${seed}`,
      );
    }
  }
});
