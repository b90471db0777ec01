/**
 * The forms of addresses, as operators and programs write them: where a server listens, and where a
 * router is dialled. One place tells of each, so that a flag and an option are refused in the same words.
 */
import { invalidArgument } from "./errors.ts";

/** A form that a text must have. */
export interface TextForm {
  /** The rule as an error tells it: `must be "host:port"`. */
  readonly rule: string;
  readonly fits: (text: string) => boolean;
}

const tcp = /^(?:\[[^\]]+\]|[^:[\]/\s]+):(\d{1,5})$/;
const ipv6 = /^\[?[\da-f]*:[\da-f]*:[\da-f:.]*(?:%[\w.]+)?\]?$/i;
const unix = /^unix:./;
const url = /^https?:\/\//;

/** The host part of where a server listens. */
export const hostForm: TextForm = {
  rule: 'must be a name or an address, of IPv6 as "[::]"',
  fits: (text) => isTcp(`${text}:0`, 0),
};

/** The host of an address that is given as host and port. */
export const dialledHostForm: TextForm = {
  rule: "must be a name or an address, without a scheme or a port",
  fits: (text) => /^[^:[\]/\s]+$/.test(text) || ipv6.test(text),
};

/** Where a gRPC server listens; port 0 takes a free one. */
export const listenForm: TextForm = {
  rule: 'must be "host:port", "[ipv6]:port" or "unix:/path"',
  fits: (text) => unix.test(text) || isTcp(text, 0),
};

/** Where a server listens that is dialled by host and port; port 0 takes a free one. */
export const tcpListenForm: TextForm = {
  rule: 'must be "host:port" or "[ipv6]:port"',
  fits: (text) => isTcp(text, 0),
};

/** The same, or the word that means nowhere. */
export const httpOrOff: TextForm = {
  rule: `${tcpListenForm.rule}, or off`,
  fits: (text) => text === "off" || tcpListenForm.fits(text),
};

/** Where a router is dialled. */
export const routerForm: TextForm = {
  rule: 'must be "host:port", "http://host:port" or "https://host:port"',
  fits: (text) => isTcp(text.replace(url, ""), 1),
};

/** The value of an option that must have a form; InvalidArgument names the option, the rule and the value. */
export function formOption(
  name: string,
  value: unknown,
  { rule, fits }: TextForm,
): string {
  if (typeof value === "string" && fits(value)) return value;
  throw invalidArgument(name, rule, value);
}

/** The URL of a router, by this scheme where it names none. */
export function routerUrl(
  name: string,
  address: string,
  scheme: "http" | "https",
): string {
  formOption(name, address, routerForm);
  return url.test(address) ? address : `${scheme}://${address}`;
}

function isTcp(text: string, portMin: number): boolean {
  const port = Number(tcp.exec(text)?.[1] ?? -1);
  return port >= portMin && port <= 65_535;
}
