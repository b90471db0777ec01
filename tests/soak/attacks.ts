/** What a hostile peer may send over one connection, from its random numbers. */
import type { Random } from "../../lib/random.ts";
import { echoService } from "./echo.ts";
import {
  callHeaders,
  concat,
  flags,
  frame,
  frameTypes,
  hello,
  messagePrefix,
} from "./http2_bytes.ts";

/** One connection: what is said, and how long it then stays open in silence. */
export interface Attack {
  readonly bytes: Uint8Array;
  readonly lingerMs: number;
}

const { path } = echoService.echo;
const { data, rstStream } = frameTypes;

/** Attacks by name; where it is not the silence that hurts it is short. */
export const attacks: Readonly<Record<string, (random: Random) => Attack>> = {
  "random bytes": (random) => ({
    bytes: noise(random, 2_000),
    lingerMs: below(random, 20),
  }),

  "fuzzed frames": (random) => {
    const bytes = concat(
      callHeaders(1, path),
      frame(
        data,
        flags.endStream,
        1,
        concat(messagePrefix(3), noise(random, 3)),
      ),
      frame(below(random, 12), below(random, 256), 3, noise(random, 60)),
      callHeaders(5, path),
    );
    for (let flips = 1 + below(random, 8); flips > 0; flips--) {
      bytes[below(random, bytes.length)] = below(random, 256);
    }
    return { bytes: concat(hello, bytes), lingerMs: below(random, 20) };
  },

  "half-open": (random) => ({
    bytes: hello.subarray(0, below(random, hello.length + 1)),
    lingerMs: 200,
  }),

  "HTTP/1.1": (random) => ({
    bytes: new TextEncoder().encode(
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\n\r\nhello`,
    ),
    lingerMs: below(random, 20),
  }),

  "rapid reset": (random) => {
    const calls = Array.from({ length: 1 + below(random, 50) }, (_, i) => [
      callHeaders(2 * i + 1, path),
      frame(rstStream, 0, 2 * i + 1, Uint8Array.of(0, 0, 0, 8)),
    ]).flat();
    return { bytes: concat(hello, ...calls), lingerMs: below(random, 20) };
  },

  // A message over the 4 MB limit, or a frame over the 16 KB one.
  "oversized": (random) => ({
    bytes: concat(
      hello,
      callHeaders(1, path),
      random() < 0.5
        ? frame(data, 0, 1, messagePrefix(2 ** 32 - 1))
        : frame(data, 0, 1, noise(random, 60_000)),
    ),
    lingerMs: below(random, 20),
  }),

  "mid-message close": (random) => ({
    bytes: concat(
      hello,
      callHeaders(1, path),
      frame(data, 0, 1, concat(messagePrefix(1_000), noise(random, 500))),
    ),
    lingerMs: below(random, 20),
  }),
};

function below(random: Random, bound: number): number {
  return Math.floor(random() * bound);
}

function noise(random: Random, lengthMax: number): Uint8Array {
  const bytes = new Uint8Array(1 + below(random, lengthMax));
  return bytes.map(() => below(random, 256));
}

/** Carries one attack out; whatever the server does about it is fine. */
export async function attack(
  port: number,
  { bytes, lingerMs }: Attack,
): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const closing = new Promise<void>((resolve) => setTimeout(resolve, lingerMs));
  const talking = async (): Promise<void> => {
    for (let at = 0; at < bytes.length;) {
      at += await connection.write(bytes.subarray(at));
    }
    const answer = new Uint8Array(16_384);
    while (await connection.read(answer) !== null);
  };
  // Rejects when the server resets the connection, or when we close it.
  await Promise.race([closing, talking().catch(() => {})]);
}
