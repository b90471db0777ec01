import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { installHandshakeDeadlines } from "../../../lib/runtime/handshake_deadlines.ts";
import { rejection } from "../../fixtures/rejection.ts";

// Before whoever dials or serves installs the usual ones.
const ms = 200;
installHandshakeDeadlines(ms);
const { Channel } = await import("../../../clients/channel.ts");
const { identityHandlers, startTransform, transformService } = await import(
  "../../fixtures/transform_server.ts"
);

for (const scheme of ["http", "https"]) {
  Deno.test({
    name:
      `installHandshakeDeadlines() ends a connection over ${scheme} whose peer says nothing`,
    // grpc-js leaves the backoff timer of an address that went away.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = silent.addr as Deno.NetAddr;
      const dialled = Channel.connect(`${scheme}://localhost:${port}`, {
        connectTimeoutMs: 50,
      });
      using connection = await silent.accept();
      await rejection(dialled, Code.Unavailable);
      let bytes = 0;
      const read = new Uint8Array(1_000);
      for (;;) {
        const some = await connection.read(read).catch(() => null);
        if (some === null) break;
        bytes += some;
      }
      assertEquals(bytes > 0, true);
    },
  });
}

Deno.test("installHandshakeDeadlines() leaves a connection alone once its peer has spoken", async () => {
  await using server = await startTransform(identityHandlers());
  const channel = await Channel.connect(server.url);
  const endMs = performance.now() + 2 * ms;
  while (performance.now() < endMs) {
    await channel.unary(transformService.methods.getCapabilities, {});
  }
  assertEquals(channel.losses, 0);
  await channel.close();
});
