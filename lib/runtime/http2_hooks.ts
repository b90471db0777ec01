/**
 * The one place that puts itself around node:http2. grpc-js looks up there whatever it serves or dials
 * with, so that a hook sees every connection, session and call that it makes from then on. What other
 * users of node:http2 in this process call is left alone.
 */
import http2 from "node:http2";
import type {
  ClientHttp2Session,
  Http2Server,
  Http2Session,
  Http2Stream,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";

/** Which end of a connection this process is. */
export type Http2Side = "server" | "client";

/** Options of servers and clients, as far as a hook replaces them. */
export interface Http2Options {
  readonly settings?: object;
}

/** What is done to whatever node:http2 makes. */
export interface Http2Hook {
  /** The options to use in place of these. */
  options?(options: Http2Options): Http2Options;
  /** A connection, before anything goes over it. */
  connection?(socket: Duplex): void;
  /** A session, before its other listeners know of it. */
  session?(session: Http2Session, side: Http2Side): void;
  /**
   * The stream of a gRPC call and the headers that the client sent, before its other listeners know of
   * it: any that is served, and those that grpc-js makes.
   */
  call?(
    stream: Http2Stream,
    headers: IncomingHttpHeaders,
    side: Http2Side,
  ): void;
}

type CreateConnection = (...args: unknown[]) => Duplex;

/** The hooks of the process by name, in their order; for every copy of this package. */
const hooksKey = Symbol.for("@conveyor/grpc http2 hooks");
type Hooks = Map<string, Http2Hook>;

/** What is replaced in node:http2, whatever the overloads. */
interface HookedHttp2 {
  [hooksKey]?: Hooks;
  createServer(options?: object, ...rest: unknown[]): Http2Server;
  createSecureServer(options?: object, ...rest: unknown[]): Http2Server;
  connect(
    authority: unknown,
    options?: object,
    ...rest: unknown[]
  ): ClientHttp2Session;
}

/** What is replaced in the session of a client, whatever the overloads. */
interface Requests {
  request(headers?: unknown, ...rest: unknown[]): Http2Stream;
}

/** The event of a server that brings a connection. */
const connectionEvents = {
  createServer: "connection",
  createSecureServer: "secureConnection",
} as const;

/**
 * Has `hook` see all that is made from now on, after those that were there before: what it puts around
 * a method is around theirs, at either end of a connection. Harmless when a hook of this name is there.
 */
export function hookHttp2(name: string, hook: Http2Hook): void {
  const target = http2 as unknown as HookedHttp2;
  let hooks = target[hooksKey];
  if (hooks === undefined) {
    hooks = target[hooksKey] = new Map();
    hookServers(target, hooks);
    hookClients(target, hooks);
  }
  if (!hooks.has(name)) hooks.set(name, hook);
}

function hookServers(target: HookedHttp2, hooks: Hooks): void {
  for (const method of ["createServer", "createSecureServer"] as const) {
    const create = target[method];
    target[method] = (options, ...rest) => {
      const server = create.call(http2, optionsBy(hooks, options), ...rest);
      // Where it also speaks HTTP/1, connections carry what is not its own.
      if (!isMixed(options)) {
        server.prependListener(connectionEvents[method], (socket: Duplex) => {
          for (const hook of hooks.values()) hook.connection?.(socket);
        });
      }
      server.prependListener("session", (session) => {
        for (const hook of hooks.values()) hook.session?.(session, "server");
      });
      server.prependListener(
        "stream",
        (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
          if (isGrpc(headers)) callHooks(hooks, stream, headers, "server");
        },
      );
      return server;
    };
  }
}

function hookClients(target: HookedHttp2, hooks: Hooks): void {
  const connect = target.connect;
  target.connect = (authority, options, ...rest) => {
    const hooked = optionsBy(hooks, connectingBy(hooks, options));
    const session = connect.call(http2, authority, hooked, ...rest);
    for (const hook of hooks.values()) hook.session?.(session, "client");
    hookRequests(session as unknown as Requests, hooks);
    return session;
  };
}

function hookRequests(session: Requests, hooks: Hooks): void {
  const request = session.request;
  session.request = (headers, ...rest) => {
    const stream = request.call(session, headers, ...rest);
    if (isGrpc(headers) && isOfGrpcJs(headers)) {
      callHooks(hooks, stream, headers, "client");
    }
    return stream;
  };
}

function callHooks(
  hooks: Hooks,
  stream: Http2Stream,
  headers: IncomingHttpHeaders,
  side: Http2Side,
): void {
  for (const hook of hooks.values()) hook.call?.(stream, headers, side);
}

function isMixed(options?: object): boolean {
  return (options as { readonly allowHTTP1?: boolean } | undefined)
    ?.allowHTTP1 ?? false;
}

/** Only a client that makes its own connections is meant: grpc-js does. */
function connectingBy(hooks: Hooks, options?: object): object | undefined {
  const { createConnection: create } = (options ?? {}) as {
    readonly createConnection?: CreateConnection;
  };
  if (!create) return options;
  const createConnection: CreateConnection = (...args) => {
    const socket = create(...args);
    for (const hook of hooks.values()) hook.connection?.(socket);
    return socket;
  };
  return { ...options, createConnection };
}

function optionsBy(hooks: Hooks, options?: object): object | undefined {
  // Where there are none, a listener may be in their place.
  if (typeof options === "function") return options;
  let hooked: object = { ...options };
  for (const hook of hooks.values()) {
    hooked = { ...hooked, ...hook.options?.(hooked) };
  }
  return hooked;
}

function isGrpc(headers: unknown): headers is IncomingHttpHeaders {
  const type = (headers as IncomingHttpHeaders | undefined)?.["content-type"];
  return type?.startsWith("application/grpc") ?? false;
}

/** Other clients that speak gRPC take what comes as it is, and read it in other ways. */
function isOfGrpcJs(headers: IncomingHttpHeaders): boolean {
  return headers["user-agent"]?.includes("grpc-node-js/") ?? false;
}
