import { assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../../lib/errors.ts";
import { dialOf } from "../../../lib/rpc/dial.ts";

const folder = new URL("../../fixtures/tls/", import.meta.url);
const text = (name: string): string =>
  Deno.readTextFileSync(new URL(name, folder));
const own = { cert: text("server.pem"), key: text("server.key") };

Deno.test("dialOf() shows the certificate of the server where none is given for it", () => {
  const ca = text("ca.pem");
  assertEquals(dialOf(undefined, undefined), {});
  assertEquals(dialOf({ ca }, undefined), { tls: { ca } });
  assertEquals(dialOf(undefined, { ...own, clientCa: ca }), { tls: own });
  assertEquals(dialOf({ ca }, own), { tls: { ca, ...own } });
  const client = { cert: text("client.pem"), key: text("client.key") };
  assertEquals(dialOf(client, own), { tls: client });
  const files = { certFile: "client.pem", keyFile: "client.key" };
  assertEquals(dialOf(files, own), { tls: files });
});

Deno.test("dialOf() names what is wrong", () => {
  const wrong = [
    [{ ca: "x" }, "dialTls.ca"],
    [{ cert: "x" }, "dialTls.cert"],
    [{ cert: own.cert, key: text("client.key") }, "dialTls.key"],
  ] as const;
  for (const [tls, field] of wrong) {
    const error = assertThrows(() => dialOf(tls, undefined), ConveyorError);
    assertEquals(error.details[0]?.field, field);
  }
});
