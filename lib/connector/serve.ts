/**
 * What every connector server is: a gRPC server for one service, with health and reflection beside
 * it, that drains when the process is told to end. It stops in the order of the flow: the router
 * is told, health says NOT_SERVING, new calls are refused, those under way finish until a deadline,
 * and only then are they cancelled.
 */
import { systemClock } from "../clock.ts";
import { drainTimeoutMs, recordsAtOnceMax } from "../limits.ts";
import { messageOf } from "../errors.ts";
import { log } from "../log.ts";
import {
  booleanOption,
  integerOption,
  requiredFunction,
  requiredObject,
  requiredString,
  timeOption,
} from "../options.ts";
import type { Handlers } from "../rpc/handler.ts";
import { Health } from "../rpc/health.ts";
import { reflectionHandlers, reflectionServices } from "../rpc/reflection.ts";
import { RpcServer } from "../rpc/server.ts";
import type { RpcServerOptions } from "../rpc/server_options.ts";
import type { MethodTypes, Service } from "../../proto/service.ts";
import {
  type RegisterOptions,
  Registration,
  resolveRegisterOptions,
} from "./registration.ts";
import { drainable } from "./drainable.ts";

/** Options of every connector server. */
export interface ConnectorOptions extends RpcServerOptions {
  /**
   * Where to listen: `host:port`, `[ipv6]:port` or `unix:/path`; port 0 takes a free one.
   * @default "0.0.0.0:50051"
   */
  readonly address?: string;
  /** The name that the service gives itself in its capabilities. @default "connector" */
  readonly id?: string;
  /**
   * Records of one batch or stream worked on at once, answered in their order all the same; with 1
   * the function sees them one after the other. @default 16
   */
  readonly concurrency?: number;
  /** Time that calls under way get to finish when the server closes, in ms. @default 10000 */
  readonly drainTimeoutMs?: number;
  /** Closes the server on SIGTERM and SIGINT; a second signal ends the process. @default true */
  readonly signals?: boolean;
  /**
   * Told of errors that no caller is told the reason of. `where` is the path of a method, or
   * "registration". @default the log
   */
  readonly onError?: (where: string, error: unknown) => void;
  /** Registers the server with a router for as long as it serves. @default none */
  readonly register?: RegisterOptions;
}

/** A connector server that serves. */
export interface Connector extends AsyncDisposable {
  /** The address to dial, with the port that was bound. */
  readonly address: string;
  /** Resolves once the server has closed, for whatever reason. */
  readonly finished: Promise<void>;
  /** Stops taking calls, lets those under way finish within `drainTimeoutMs`. Idempotent. */
  close(): Promise<void>;
}

/** Options that are resolved before there is a server. */
export interface ResolvedConnectorOptions {
  readonly address: string;
  readonly id: string;
  readonly concurrency: number;
  readonly drainTimeoutMs: number;
  readonly signals: boolean;
  /** Tells of an error that no caller is told the reason of; never throws. */
  readonly report: (where: string, error: unknown) => void;
}

/** Checks `options` and fills in the defaults. */
export function resolveConnectorOptions(
  options: ConnectorOptions = {},
): ResolvedConnectorOptions {
  requiredObject("options", options);
  return {
    address: requiredString("address", options.address ?? "0.0.0.0:50051"),
    id: requiredString("id", options.id ?? "connector"),
    concurrency: integerOption(
      "concurrency",
      options.concurrency,
      16,
      1,
      recordsAtOnceMax,
    ),
    drainTimeoutMs: timeOption(
      "drainTimeoutMs",
      options.drainTimeoutMs,
      drainTimeoutMs,
    ),
    signals: booleanOption("signals", options.signals, true),
    report: reporter(options.onError),
  };
}

/** Starts serving; rejects when an option is wrong, the address is taken or the router refuses. */
export async function serveHandlers<
  M extends { readonly [P in keyof M]: MethodTypes },
>(
  service: Service<M>,
  handlers: Handlers<M>,
  options: ConnectorOptions = {},
): Promise<Connector> {
  const { address, drainTimeoutMs, signals, report } = resolveConnectorOptions(
    options,
  );
  const register = options.register === undefined
    ? undefined
    : resolveRegisterOptions(options.register, service.name);
  const draining = new AbortController();
  const health = new Health([service.name]);
  const server = new RpcServer(options, report);
  server.add(service, drainable(service, handlers, draining.signal));
  health.addTo(server);
  const names = [
    service.name,
    "grpc.health.v1.Health",
    ...reflectionServices.map(({ name }) => name),
  ];
  for (const reflection of reflectionServices) {
    server.add(
      reflection,
      drainable(reflection, reflectionHandlers(names), draining.signal),
    );
  }
  const bound = await server.listen(address);
  let registration: Registration | undefined;
  const stop = async (): Promise<void> => {
    const startMs = systemClock.monotonicMs();
    // The router is told first, so that it sends nothing new; one that is silent gets half the time.
    await registration?.close(drainTimeoutMs / 2);
    health.drain();
    draining.abort();
    const usedMs = systemClock.monotonicMs() - startMs;
    await server.close(Math.max(0, drainTimeoutMs - usedMs));
  };
  try {
    registration = register && new Registration(
      register,
      bound,
      (serving) => health.set(service.name, serving),
      report,
    );
    await registration?.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return connectorOf(bound, stop, signals);
}

function connectorOf(
  address: string,
  stop: () => Promise<void>,
  signals: boolean,
): Connector {
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
  const listened = signals ? endSignals : [];
  let closing = false;
  const close = (): Promise<void> => {
    if (!closing) {
      closing = true;
      for (const name of listened) Deno.removeSignalListener(name, onSignal);
      stop().then(resolve, reject);
    }
    return finished;
  };
  const onSignal = (): void => void close();
  for (const name of listened) Deno.addSignalListener(name, onSignal);
  return { address, finished, close, [Symbol.asyncDispose]: close };
}

/** Windows knows no SIGTERM. */
const endSignals: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** Tells of errors by `onError`, and goes on whatever that does. */
function reporter(
  onError: ConnectorOptions["onError"],
): (where: string, error: unknown) => void {
  if (onError === undefined) {
    return (where, error) => {
      if (where !== "registration") {
        return log.error("Cannot answer as asked", { where, error });
      }
      const reason = messageOf(error);
      log.warn(
        "The connector is not registered as it should be, and goes on trying",
        { reason },
      );
    };
  }
  requiredFunction("onError", onError);
  return (where, error) => {
    try {
      onError(where, error);
    } catch (cause) {
      log.error("Cannot tell onError of an error", { where, error, cause });
    }
  };
}
