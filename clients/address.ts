/**
 * Addresses of services as users write them (`http://host:port`, `https://host:port`,
 * `unix:/path`), turned into what grpc-js dials.
 */
import { invalidArgument } from "../lib/errors.ts";

/** A service address, checked. */
export interface Address {
  /** The address as the user wrote it, for messages. */
  readonly url: string;
  /** The name that grpc-js resolves. */
  readonly target: string;
  /** Whether the connection is encrypted. */
  readonly tls: boolean;
  /** Whether the host is a numeric address instead of a name. */
  readonly ip: boolean;
}

const rule = 'must be "http://host:port", "https://host:port" or "unix:/path"';

/** Reads an address; what is none of the three forms is InvalidArgument. */
export function parseAddress(url: string): Address {
  if (typeof url !== "string") throw invalidArgument("url", rule, url);
  if (url.startsWith("unix:")) {
    const path = url.slice("unix:".length).replace(/^\/\//, "");
    if (path === "") throw invalidArgument("url", rule, url);
    return { url, target: `unix:${path}`, tls: false, ip: false };
  }
  const parsed = /^https?:\/\//.test(url) && URL.canParse(url)
    ? new URL(url)
    : undefined;
  const tls = parsed?.protocol === "https:";
  if (
    !parsed || !(tls || parsed.protocol === "http:") || parsed.hostname === ""
  ) throw invalidArgument("url", rule, url);
  if (
    parsed.pathname !== "/" || parsed.search || parsed.hash ||
    parsed.username ||
    parsed.password || parsed.port === "0"
  ) {
    throw invalidArgument("url", `${rule}, and nothing behind the port`, url);
  }
  const port = parsed.port || (tls ? "443" : "80");
  const { hostname } = parsed;
  // A URL's parser has made every form of IPv4 address four decimal numbers.
  const ip = hostname.startsWith("[") || /^[\d.]+$/.test(hostname);
  return { url, target: `dns:${hostname}:${port}`, tls, ip };
}
