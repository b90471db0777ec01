/** Options of a connection to whatever address comes: some of them are encrypted, and others are not. */
import type { ConnectOptions } from "./channel_options.ts";

/** `options` as they fit `url`: what they say of TLS goes with `https://` alone. */
export function optionsFor(
  url: string,
  options: ConnectOptions,
): ConnectOptions {
  if (url.startsWith("https:")) return options;
  const { tls: _tls, ...rest } = options;
  return rest;
}
