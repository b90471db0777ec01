/** What an operator may set of TLS, of any process: what it serves with, and whom it trusts when it dials. */
import type { ClientTlsOptions } from "../../clients/channel_options.ts";
import { invalidArgument } from "../errors.ts";
import type { ServerTlsOptions } from "../rpc/server_options.ts";
import type { Configuration } from "./configuration.ts";
import { given } from "./given.ts";
import type { Setting } from "./setting.ts";

/** The settings of TLS. */
export const tlsSettings: readonly Setting[] = [
  {
    key: "grpc.tls_cert",
    flag: "tls-cert",
    option: "tls.cert",
    rule: { kind: "file" },
    help: "file with the certificate chain (PEM); with it connections are TLS",
  },
  {
    key: "grpc.tls_key",
    flag: "tls-key",
    option: "tls.key",
    rule: { kind: "file" },
    help: "file with its private key (PEM)",
  },
  {
    key: "grpc.tls_client_ca",
    flag: "tls-client-ca",
    option: "tls.clientCa",
    rule: { kind: "file" },
    help: "file with the authorities that client certificates must be of (PEM)",
  },
  {
    key: "grpc.tls_ca",
    flag: "tls-ca",
    option: "dialTls.ca",
    rule: { kind: "file" },
    help:
      "file with the authorities that are trusted where https is dialled (PEM) (default: the runtime's)",
  },
];

/** TLS as it is set; `read` gives the text of the file that a setting names. */
export async function tlsOf(
  config: Configuration,
  read: (key: string) => Promise<string>,
): Promise<
  { readonly server?: ServerTlsOptions; readonly dial?: ClientTlsOptions }
> {
  const used = serverKeys.find((key) => config.text(key) !== undefined);
  for (const needed of used === undefined ? [] : serverKeys.slice(0, 2)) {
    if (config.text(needed) !== undefined) continue;
    throw invalidArgument(
      config.placeOf(needed),
      `must be given with "${config.placeOf(used!)}"`,
      undefined,
    );
  }
  const text = async (key: string): Promise<string | undefined> =>
    config.text(key) === undefined ? undefined : await read(key);
  const ca = await text("grpc.tls_ca");
  const dial = ca === undefined ? undefined : { ca };
  if (used === undefined) return given({ dial });
  // One after the other, so that of two that cannot be read the first is told of.
  const [cert, key, clientCa] = await Array.fromAsync(serverKeys, text);
  const server = { cert: cert!, key: key!, ...given({ clientCa }) };
  return given({ server, dial });
}

/** Of the first two neither goes without the other. */
const serverKeys = ["grpc.tls_cert", "grpc.tls_key", "grpc.tls_client_ca"];
