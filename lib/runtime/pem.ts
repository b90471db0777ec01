/**
 * Checks of certificates and keys where they enter. The runtime takes any text for them, and then
 * fails every handshake in words that name neither the option nor the fault.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { invalidArgument } from "../errors.ts";

const certificates =
  /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const privateKey =
  /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[^-]+-----END \1PRIVATE KEY-----/;

/** The certificates in `text`, of which there must be at least one; `name` is the option. */
export function requireCertificates(
  name: string,
  text: string,
): readonly X509Certificate[] {
  const blocks = typeof text === "string" ? text.match(certificates) : null;
  if (blocks === null) {
    throw invalidArgument(name, "must hold certificates as PEM", size(text));
  }
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw invalidArgument(
        name,
        `must hold certificates that can be read, but number ${i + 1} cannot`,
        (cause as Error).message,
      );
    }
  });
}

/** A certificate chain and the private key of its first certificate, as the options `prefix` name. */
export function requireKeyPair(
  prefix: string,
  certText: string,
  keyText: string,
): void {
  const [own] = requireCertificates(`${prefix}.cert`, certText);
  const name = `${prefix}.key`;
  const [block] = typeof keyText === "string"
    ? privateKey.exec(keyText) ?? []
    : [];
  // A key is a secret: an error tells its length alone.
  const refused = (rule: string) => invalidArgument(name, rule, size(keyText));
  if (block === undefined) {
    throw refused("must hold a private key as PEM, not encrypted");
  }
  let matches: boolean;
  try {
    matches = own!.checkPrivateKey(createPrivateKey(block));
  } catch {
    throw refused("must hold a private key that can be read");
  }
  if (!matches) {
    throw refused(`must be the private key of "${prefix}.cert"`);
  }
}

function size(text: unknown): string {
  return typeof text === "string" ? `${text.length} characters` : typeof text;
}
