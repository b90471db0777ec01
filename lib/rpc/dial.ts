/** How services and other nodes are dialled where their address is encrypted. */
import type {
  ClientTlsOptions,
  ConnectOptions,
} from "../../clients/channel_options.ts";
import { requiredObject } from "../options.ts";
import type { ServerTlsOptions } from "./server_options.ts";
import { requireCertificates, requireKeyPair } from "../runtime/pem.ts";

/** What is said of it, with the server's own certificate for those that ask for one. */
export function dialOf(
  dialTls: ClientTlsOptions | undefined,
  own: ServerTlsOptions | undefined,
): Pick<ConnectOptions, "tls"> {
  const { ca, cert, key } = requiredObject("dialTls", dialTls ?? {});
  if (ca !== undefined) requireCertificates("dialTls.ca", ca);
  if (cert !== undefined) requireKeyPair("dialTls", cert, key ?? "");
  if (dialTls === undefined && own === undefined) return {};
  const ours = own && { cert: own.cert, key: own.key };
  return { tls: { ...hasCertificate(dialTls) ? {} : ours, ...dialTls } };
}

function hasCertificate(tls: ClientTlsOptions | undefined): boolean {
  return tls?.cert !== undefined || tls?.certFile !== undefined;
}
