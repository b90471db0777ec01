import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../../lib/errors.ts";
import {
  requireCertificates,
  requireKeyPair,
} from "../../../lib/runtime/pem.ts";

const folder = new URL("../../fixtures/tls/", import.meta.url);
const pem = (name: string): string =>
  Deno.readTextFileSync(new URL(name, folder));

function fieldOf(check: () => unknown): string | undefined {
  const error = assertThrows(check, ConveyorError);
  assert(!error.message.includes("PRIVATE"), error.message);
  return error.details[0]?.field;
}

Deno.test("requireCertificates() reads every certificate, with text between them", () => {
  const text = `a comment\n${pem("ca.pem")}\nand\n${pem("server.pem")}`;
  assertEquals(
    requireCertificates("ca", text).map(({ subject }) => subject),
    [pem("ca.pem"), pem("server.pem")].map((one) =>
      requireCertificates("ca", one)[0]!.subject
    ),
  );
});

Deno.test("requireCertificates() names the option when one cannot be read", () => {
  const broken = pem("ca.pem").replace(/\n[^-]{20}/, "\n");
  const wrong: unknown[] = [
    "",
    "x",
    5,
    undefined,
    pem("server.key"),
    broken,
    pem("ca.pem") + broken,
  ];
  for (const text of wrong) {
    assertEquals(
      fieldOf(() => requireCertificates("tls.ca", text as string)),
      "tls.ca",
      String(text),
    );
  }
});

Deno.test("requireKeyPair() takes a chain with the key of its first certificate", () => {
  requireKeyPair("tls", pem("server.pem"), pem("server.key"));
  requireKeyPair("tls", pem("server.pem") + pem("ca.pem"), pem("server.key"));
});

Deno.test("requireKeyPair() names the half that does not fit, and shows no key", () => {
  const cert = pem("server.pem");
  const key = pem("server.key");
  const cases: [string, string, string][] = [
    ["x", key, "tls.cert"],
    [cert, "", "tls.key"],
    [cert, "x", "tls.key"],
    [cert, pem("client.key"), "tls.key"],
    [cert, key.replace(/\n[^-]{20}/, "\n"), "tls.key"],
    [pem("ca.pem") + cert, key, "tls.key"],
    [cert, key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "tls.key"],
  ];
  for (const [certText, keyText, field] of cases) {
    assertEquals(
      fieldOf(() => requireKeyPair("tls", certText, keyText)),
      field,
    );
  }
});
