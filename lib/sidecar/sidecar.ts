/**
 * The sidecar as a library: options in, a running sidecar out. What it is made of, and in which order
 * that starts and stops, is running_sidecar.ts.
 */
import { optionsFor } from "../../clients/options_for.ts";
import { RouterChannel } from "../../clients/router_channel.ts";
import type { ConveyorError } from "../errors.ts";
import { log } from "../log.ts";
import { RunningSidecar, type SidecarAddresses } from "./running_sidecar.ts";
import {
  type ResolvedSidecarOptions,
  resolveSidecarOptions,
  type SidecarOptions,
} from "./sidecar_options.ts";

/**
 * Runs the stages of pipelines beside the services of a pod, in this process.
 *
 * Sources of the pod push to it over `conveyor.sidecar.SidecarDataPlane`. It calls the services of its
 * pod, hands records on to the sidecars of other pods where the next stage is there, and acks a record
 * when every required sink has it, in whatever pod. The cluster says which stages it runs.
 *
 * @example Run a sidecar beside a transform
 * ```ts
 * import { Sidecar } from "@conveyor/grpc";
 *
 * async function beside(routers: readonly string[], work: () => Promise<void>): Promise<void> {
 *   await using sidecar = new Sidecar({
 *     sidecarId: "pod-7",
 *     routers,
 *     grpcAddr: "127.0.0.1:0",
 *     services: [{ name: "enrich", type: "transform", url: "http://localhost:50061" }],
 *   });
 *   await sidecar.start();
 *   await work();
 * }
 * ```
 */
export class Sidecar implements AsyncDisposable {
  readonly #options: ResolvedSidecarOptions;
  readonly #stopped = Promise.withResolvers<void>();
  #running: RunningSidecar | undefined;
  #starting: Promise<SidecarAddresses> | undefined;
  #closing: Promise<void> | undefined;

  /** Checks the options; InvalidArgument names the one that breaks a rule. */
  constructor(options: SidecarOptions) {
    this.#options = resolveSidecarOptions(options);
  }

  /**
   * Starts; resolves with the addresses to dial once the cluster has registered it, which it waits for as
   * long as it takes. Rejects with Unavailable when an address is taken.
   */
  start(): Promise<SidecarAddresses> {
    return this.#starting ??= this.#start();
  }

  /**
   * Starts, and resolves when the sidecar has closed. Rejects with AlreadyExists when another one has
   * registered under its id since: it takes no more records then, and closes as `close()` does.
   */
  async run(): Promise<void> {
    await this.start();
    await this.#stopped.promise;
  }

  /**
   * Has its stages go to others, takes no more records, lets those under way settle until the deadline,
   * commits offsets, and closes. Idempotent.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<SidecarAddresses> {
    const { routers, connect, dial } = this.#options;
    const running = new RunningSidecar(
      this.#options,
      RouterChannel.open(
        routers,
        optionsFor(routers[0]!, { ...connect, ...dial }),
      ),
      (reason) => this.#replaced(reason),
    );
    this.#running = running;
    try {
      return await running.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #close(reason?: ConveyorError): Promise<void> {
    await this.#running?.stop();
    if (reason === undefined) this.#stopped.resolve();
    else this.#stopped.reject(reason);
  }

  /** One that closes already leaves its id to the other all the same. */
  #replaced(reason: ConveyorError): void {
    if (this.#closing !== undefined) return;
    log.error("The sidecar drains and ends: another has its id", {
      reason: reason.message,
    });
    // Whoever does not wait for `run` finds the reason in the log.
    this.#stopped.promise.catch(() => {});
    this.#closing = this.#close(reason);
  }
}
