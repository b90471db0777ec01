/**
 * A gRPC server for handlers: binds, serves, drains. Closing stops new calls at once, gives those
 * under way until a deadline, then cancels them.
 */
import { formOption, listenForm } from "../address_forms.ts";
import { bindError } from "../bind_error.ts";
import { drainTimeoutMs } from "../limits.ts";
import { grpc } from "../runtime/grpc.ts";
import { noticeRelease } from "../runtime/release_notice.ts";
import { bufferOf, bytesOf } from "../runtime/message_stream.ts";
import type { Method, MethodTypes, Service } from "../../proto/service.ts";
import { type FaultReport, handleCalls } from "./call.ts";
import type { Handlers } from "./handler.ts";
import { OpenCalls } from "./open_calls.ts";
import {
  type ResolvedRpcServerOptions,
  resolveRpcServerOptions,
  type RpcServerOptions,
} from "./server_options.ts";

/** A gRPC server; add services, then listen. */
export class RpcServer implements AsyncDisposable {
  readonly #server: grpc.Server;
  readonly #options: ResolvedRpcServerOptions;
  readonly #report: FaultReport;
  readonly #open = new OpenCalls();
  #closing: Promise<void> | undefined;

  constructor(options: RpcServerOptions | undefined, report: FaultReport) {
    this.#options = resolveRpcServerOptions(options);
    this.#report = report;
    this.#server = new grpc.Server(this.#options.server);
  }

  /** Serves `service` with `handlers`; a method without one answers Unimplemented. */
  add<M extends { readonly [P in keyof M]: MethodTypes }>(
    service: Service<M>,
    handlers: Handlers<M>,
  ): this {
    const definition: Record<
      string,
      grpc.MethodDefinition<Uint8Array, Uint8Array>
    > = {};
    const implementation: Record<string, grpc.UntypedHandleCall> = {};
    for (const [name, method] of Object.entries<Method>(service.methods)) {
      definition[name] = {
        path: method.path,
        requestStream: method.kind !== "unary",
        responseStream: method.kind !== "unary",
        requestSerialize: bufferOf,
        requestDeserialize: bytesOf,
        responseSerialize: bufferOf,
        responseDeserialize: bytesOf,
      };
      const handler = (handlers as Record<string, unknown>)[name];
      if (typeof handler !== "function") continue;
      implementation[name] = handleCalls(
        method,
        handler.bind(handlers),
        this.#open,
        this.#report,
      );
    }
    this.#server.addService(definition, implementation);
    return this;
  }

  /**
   * Binds `address` (`host:port`, `[ipv6]:port`, `unix:/path`; port 0 takes a free one), which is the
   * value of `option`, and serves. Resolves with the address to dial. A port in use is Unavailable, a
   * malformed address InvalidArgument.
   */
  async listen(address: string, option = "address"): Promise<string> {
    noticeRelease();
    formOption(option, address, listenForm);
    if (address.startsWith("unix:")) {
      await removeStaleSocket(address.slice("unix:".length));
    }
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(
        address,
        this.#options.credentials,
        (error, bound) => {
          if (error === null) resolve(bound);
          else reject(bindError(option, address, error));
        },
      );
    });
    return address.startsWith("unix:")
      ? address
      : address.replace(/\d+$/, String(port));
  }

  /** Stops: no new calls, those under way may end within `drainMs`, then they are cancelled. */
  close(drainMs: number = drainTimeoutMs): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#open.stop();
        this.#server.forceShutdown();
        resolve();
      }, drainMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A socket file left by a process that died would make every bind fail; a live one is kept. */
async function removeStaleSocket(path: string): Promise<void> {
  try {
    if (!(await Deno.stat(path)).isSocket) return;
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    await Deno.remove(path);
  }
}
