/**
 * The router as a library: options in, a running router out. What it is made of, and in which order
 * that starts and stops, is lib/router/running_router.ts.
 */
import {
  type ResolvedRouterOptions,
  resolveRouterOptions,
  type RouterServerOptions,
} from "./router/router_options.ts";
import {
  type RouterAddresses,
  RunningRouter,
} from "./router/running_router.ts";

/**
 * A router of records, in this process.
 *
 * It keeps its metadata (pipelines, services, offsets) in `dataDir`, alone or replicated with its
 * peers; records are held in memory only, and acked when every sink that they go to has them.
 *
 * @example Start a router, and close it
 * ```ts
 * import { RouterServer } from "@conveyor/grpc";
 *
 * const dataDir = await Deno.makeTempDir();
 * await using router = new RouterServer({
 *   grpcAddr: "127.0.0.1:0",
 *   httpAddr: "",
 *   dataDir,
 * });
 * const { grpc } = await router.start();
 * console.log(`a router on ${grpc}`);
 * ```
 */
export class RouterServer implements AsyncDisposable {
  readonly #options: ResolvedRouterOptions;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #stopping = new AbortController();
  #starting: Promise<RunningRouter> | undefined;
  #closing: Promise<void> | undefined;
  /** Why the node had to stop by itself. */
  #failure: Error | undefined;

  /** Checks the options; InvalidArgument names the one that breaks a rule. */
  constructor(options: RouterServerOptions = {}) {
    this.#options = resolveRouterOptions(options);
  }

  /**
   * Starts; resolves with the addresses to dial once it takes calls: a node of a cluster waits for a
   * majority of it. Rejects with what stands in the
   * way: a data directory that cannot be used, an address that is taken.
   */
  async start(): Promise<RouterAddresses> {
    this.#starting ??= RunningRouter.start(
      this.#options,
      (reason) => this.#fail(reason),
      this.#stopping.signal,
    );
    try {
      return (await this.#starting).addresses;
    } catch (error) {
      // What else the start waited for was given up because of it.
      throw this.#failure ?? error;
    }
  }

  /** Starts, and resolves when the router has closed; rejects when it had to stop by itself. */
  async run(): Promise<void> {
    await this.start();
    await this.#stopped.promise;
  }

  /**
   * Takes no more records, lets those under way settle until the deadline, commits offsets, and
   * closes. Idempotent.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close(true);
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(drains: boolean): Promise<void> {
    this.#stopping.abort();
    const running = await this.#starting?.catch(() => undefined);
    await running?.stop(drains);
    this.#stopped.resolve();
  }

  #fail(reason: Error): void {
    this.#failure ??= reason;
    this.#stopped.reject(reason);
    // Whoever does not wait for `run` finds the reason in the log.
    this.#stopped.promise.catch(() => {});
    // What still settled could not be committed: the sources have it.
    this.#closing ??= this.#close(false);
  }
}
