import { assertEquals, assertRejects } from "@std/assert";
import { Configuration } from "../../../lib/config/configuration.ts";
import { tlsOf, tlsSettings } from "../../../lib/config/tls_settings.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";

/** What these flags, each with a file of its own name, say of TLS. */
async function tlsWith(...flags: string[]) {
  const values = tlsSettings.filter(({ flag }) => flags.includes(flag)).map((
    { key, flag },
  ) => [key, { value: flag, place: `--${flag}` }] as const);
  const config = new Configuration(tlsSettings, [new Map(values)]);
  return await tlsOf(
    config,
    (key) => Promise.resolve(`text of ${config.text(key)}`),
  );
}

Deno.test("tlsOf() reads what the files hold", async () => {
  assertEquals(await tlsWith(), {});
  const server = { cert: "text of tls-cert", key: "text of tls-key" };
  assertEquals(await tlsWith("tls-cert", "tls-key"), { server });
  assertEquals(
    await tlsWith("tls-cert", "tls-key", "tls-client-ca", "tls-ca"),
    {
      server: { ...server, clientCa: "text of tls-client-ca" },
      dial: { ca: "text of tls-ca" },
    },
  );
  assertEquals(await tlsWith("tls-ca"), { dial: { ca: "text of tls-ca" } });
});

Deno.test("tlsOf() names what is missing, and what asks for it", async () => {
  const cases = [
    [["tls-cert"], '"--tls-key": must be given with "--tls-cert"'],
    [["tls-key"], '"--tls-cert": must be given with "--tls-key"'],
    [["tls-client-ca"], '"--tls-cert": must be given with "--tls-client-ca"'],
  ] as const;
  for (const [flags, says] of cases) {
    const error = await assertRejects(
      () => tlsWith(...flags),
      ConveyorError,
      says,
    );
    assertEquals(error.code, Code.InvalidArgument);
  }
});
