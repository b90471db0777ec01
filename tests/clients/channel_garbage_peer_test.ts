/**
 * Goal: a peer that is no gRPC server gives `connect` or the first call an error that says so, in
 * time. Method: TCP servers that answer a connection with what they like. Without leak checks:
 * grpc-js leaves the backoff timer of an address that it could not reach.
 */
import { assert, assertEquals } from "@std/assert";
import { TransformClient } from "../../clients/transform_client.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { seededRandom } from "../../lib/random.ts";

const unchecked = { sanitizeOps: false, sanitizeResources: false };
const timeoutMs = 300;
const random = seededRandom(7);
const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** What each peer says first, and what the client's error must then be. */
const peers: readonly {
  readonly name: string;
  readonly says: Uint8Array<ArrayBuffer> | "goodbye";
  readonly error: RegExp;
  readonly code?: Code;
}[] = [
  { name: "nothing", says: Uint8Array.of(), error: /no connection within/ },
  { name: "goodbye", says: "goodbye", error: /no connection within/ },
  {
    name: "HTTP/1.1",
    says: new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
    error: /no connection within 300 ms: Protocol error$/,
  },
  {
    name: "random bytes",
    says: Uint8Array.from({ length: 5_000 }, () => random() * 256),
    error: /no connection within/,
  },
  {
    name: "settings and nothing else",
    says: Uint8Array.from(settings),
    error: /Deadline exceeded/,
    code: Code.DeadlineExceeded,
  },
  {
    name: "settings and GOAWAY",
    says: Uint8Array.from([...settings, ...goaway]),
    error: /connection|GOAWAY/i,
  },
];

/** Serves whoever comes with `says`. */
function serve(says: Uint8Array<ArrayBuffer> | "goodbye"): {
  readonly port: number;
  close(): void;
} {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) {
      if (says === "goodbye") connection.close();
      else {
        open.push(connection);
        connection.write(says).catch(() => {});
      }
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  return {
    port,
    close: () => {
      listener.close();
      for (const connection of open) connection.close();
    },
  };
}

async function errorOf(url: string): Promise<ConveyorError> {
  try {
    await using client = await TransformClient.connect(url, "t", {
      connectTimeoutMs: timeoutMs,
      timeoutMs,
    });
    await client.getCapabilities();
  } catch (error) {
    assert(error instanceof ConveyorError, String(error));
    return error;
  }
  throw new Error("nobody answers there");
}

for (const { name, says, error, code = Code.Unavailable } of peers) {
  Deno.test(`a peer that says ${name} is no service`, unchecked, async () => {
    const peer = serve(says);
    try {
      const [plain, tls] = await Promise.all([
        errorOf(`http://127.0.0.1:${peer.port}`),
        errorOf(`https://localhost:${peer.port}`),
      ]);
      assertEquals(Code[plain.code], Code[code], plain.message);
      assert(error.test(plain.message), plain.message);
      assertEquals(Code[tls.code], "Unavailable", tls.message);
      assert(/no connection within 300 ms/.test(tls.message), tls.message);
      assert(!/Resolution note|Z\)/.test(tls.message), tls.message);
    } finally {
      peer.close();
    }
  });
}

Deno.test(
  "connect() says what is wrong with the address",
  unchecked,
  async () => {
    const reasons = {
      "http://127.0.0.1:1":
        /within 300 ms: connect ECONNREFUSED 127\.0\.0\.1:1$/,
      "http://[::1]:1": /within 300 ms: connect ECONNREFUSED ::1:1$/,
      "unix:/nonexistent/x.sock":
        /within 300 ms: connect ENOENT \/nonexistent\/x\.sock$/,
      "http://no-such-host.invalid:1":
        /within 300 ms(: Name resolution failed.*)?$/,
    };
    for (const [url, reason] of Object.entries(reasons)) {
      const { message } = await errorOf(url);
      assert(reason.test(message), message);
    }
  },
);
