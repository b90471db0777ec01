/**
 * Connections that fail. grpc-js leaves the backoff timer of an address that it could not reach
 * running after its channel is closed (it keeps no process alive), so this file is without the leak
 * checks that all others have.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ConnectOptions } from "../../clients/channel_options.ts";
import { TransformClient } from "../../clients/transform_client.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { rejection } from "../fixtures/rejection.ts";
import {
  identityHandlers,
  recordOf,
  startTransform,
} from "../fixtures/transform_server.ts";

const unchecked = { sanitizeOps: false, sanitizeResources: false };

const tlsFolder = new URL("../fixtures/tls/", import.meta.url);
const pem = (name: string): string =>
  Deno.readTextFileSync(new URL(name, tlsFolder));
const serverTls = { cert: pem("server.pem"), key: pem("server.key") };

async function idAt(url: string, options?: ConnectOptions): Promise<string> {
  await using client = await TransformClient.connect(url, "t", options);
  return (await client.getCapabilities()).transformId;
}

Deno.test(
  "connect() reaches IPv6 literals, names and unix sockets",
  unchecked,
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      for (
        const address of ["[::1]:0", "localhost:0", `unix:${folder}/s.sock`]
      ) {
        await using server = await startTransform(identityHandlers(), address);
        assertEquals(await idAt(server.url), "identity");
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test(
  "connect() rejects with the reason, in time, when nobody listens",
  unchecked,
  async () => {
    const error = await rejection(
      TransformClient.connect("http://127.0.0.1:1", "t", {
        connectTimeoutMs: 300,
      }),
      Code.Unavailable,
    );
    assert(
      error.message.includes(
        '"http://127.0.0.1:1": no connection within 300 ms',
      ),
      error.message,
    );
    assert(error.message.includes("ECONNREFUSED"), error.message);
  },
);

Deno.test(
  "connect() speaks TLS with a server whose authority it is given",
  unchecked,
  async () => {
    await using server = await startTransform(
      identityHandlers(),
      "127.0.0.1:0",
      {
        tls: serverTls,
      },
    );
    const caFile = new URL("ca.pem", tlsFolder).pathname;
    const serverName = "conveyor.test";
    assertEquals(
      await idAt(server.url, { tls: { ca: pem("ca.pem"), serverName } }),
      "identity",
    );
    assertEquals(
      await idAt(server.url, { tls: { caFile, serverName } }),
      "identity",
    );
    const strange = TransformClient.connect(server.url, "t", {
      tls: { serverName },
      connectTimeoutMs: 500,
    });
    await rejection(strange, Code.Unavailable);
  },
);

Deno.test(
  "connect() shows its certificate to a server that asks for one",
  unchecked,
  async () => {
    const tls = { ...serverTls, clientCa: pem("ca.pem") };
    await using server = await startTransform(
      identityHandlers(),
      "127.0.0.1:0",
      {
        tls,
      },
    );
    const known = { ca: pem("ca.pem"), serverName: "conveyor.test" };
    const own = { cert: pem("client.pem"), key: pem("client.key") };
    assertEquals(
      await idAt(server.url, { tls: { ...known, ...own } }),
      "identity",
    );
    const nameless = idAt(server.url, {
      tls: known,
      connectTimeoutMs: 500,
      timeoutMs: 500,
    });
    await assertRejects(() => nameless, ConveyorError);
  },
);

Deno.test(
  "unary() survives 100 restarts of the server",
  unchecked,
  async () => {
    let server = await startTransform();
    const { address } = server;
    await using client = await TransformClient.connect(server.url, "t");
    const retry = { maxAttempts: 50, initialBackoffMs: 20, maxBackoffMs: 100 };
    for (let restart = 0; restart < 100; restart++) {
      const during = client.processBatch({ records: [recordOf(1n)] }).then(
        () => "answered",
        (error) => {
          assert(error instanceof ConveyorError, String(error));
          return Code[error.code];
        },
      );
      await server[Symbol.asyncDispose]();
      const outcome = await during;
      assert(
        ["answered", "Unavailable", "Canceled"].includes(outcome),
        outcome,
      );
      server = await startTransform(identityHandlers(), address);
      const after = await client.processBatch({ records: [recordOf(1n)] }, {}, {
        retry,
      });
      assertEquals(after.results.length, 1);
    }
    await server[Symbol.asyncDispose]();
  },
);
