/** Tells a router which pipelines to run, and asks how they and the cluster are. */
import { asConveyorError, Code, ConveyorError } from "../lib/errors.ts";
import { requiredString } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import type {
  GetClusterStatusResponse,
  PipelineConfig,
  PipelineStatus,
  RouterAdminMethods,
} from "../proto/messages/router.ts";
import { schema } from "../proto/schema.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import { refuseStrangeNames } from "../proto/strange_name.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { RouterChannel } from "./router_channel.ts";
import type { CallOptions, Transport } from "./transport.ts";

const { methods }: Service<RouterAdminMethods> = serviceOf(
  "conveyor.router.RouterAdmin",
);

const configType = schema.lookupType("conveyor.router.PipelineConfig");

/** A pipeline and how it goes. */
export interface PipelineDescription {
  /** The configuration that the router runs. */
  readonly config: PipelineConfig;
  /** Its version, and its stages on the node that answered. */
  readonly status: PipelineStatus;
}

/**
 * A client of a router's administration, over one or several routers of a cluster. A call that meets
 * a router which is gone is repeated on another, and carried out once.
 *
 * Every method rejects with a `ConveyorError`: `InvalidArgument` that names every fault of a pipeline,
 * `NotFound` for one that there is not, `FailedPrecondition` for what the router refuses as things
 * stand (an id that is taken, a pipeline that is still enabled), and the call's own status otherwise.
 *
 * @example
 * ```ts
 * import { AdminClient, StageType } from "@conveyor/grpc";
 *
 * async function passOn(url: string): Promise<string> {
 *   await using admin = await AdminClient.connect(url);
 *   return await admin.createPipeline({
 *     id: "orders",
 *     enabled: true,
 *     stages: [
 *       { id: "in", stageType: StageType.Source, serviceSelector: { serviceName: "shop" } },
 *       { id: "out", stageType: StageType.Sink, serviceSelector: { serviceName: "archive" } },
 *     ],
 *     edges: [{ fromStage: "in", toStage: "out" }],
 *   });
 * }
 * ```
 */
export class AdminClient implements AsyncDisposable {
  readonly #transport: Transport;

  /** A client over a connection that exists already; `connect` makes one. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Connects to a router, or to the first of several that answers. Rejects with Unavailable when none
   * does in time.
   */
  static async connect(
    routers: string | readonly string[],
    options?: ConnectOptions,
  ): Promise<AdminClient> {
    return new AdminClient(await RouterChannel.connect(routers, options));
  }

  /** Adds a pipeline; resolves with its id, which the router makes when it is left out. */
  async createPipeline(
    config: MessageInit<PipelineConfig>,
    options?: CallOptions,
  ): Promise<string> {
    refuseStrangeNames(configType, config, "config");
    const { message } = await this.#transport.unary(
      methods.createPipeline,
      { config },
      options,
    );
    refuseUnless(message);
    return message.pipelineId;
  }

  /**
   * Replaces a pipeline; resolves with its new version. Records under way finish on the old one before any
   * record begins on the new one, so that each partition keeps its order. If the old one cannot finish
   * them, because a service does not answer or it takes more than 10 s, they begin anew on the new one:
   * its sinks may then get again what the old one had written.
   */
  async updatePipeline(
    pipelineId: string,
    config: MessageInit<PipelineConfig>,
    options?: CallOptions,
  ): Promise<bigint> {
    refuseStrangeNames(configType, config, "config");
    const { message } = await this.#transport.unary(
      methods.updatePipeline,
      { pipelineId: requiredString("pipelineId", pipelineId), config },
      options,
    );
    refuseUnless(message);
    return message.version;
  }

  /**
   * Makes a pipeline what `config` says, whether there was one of its id or not; resolves with its version.
   * `config` must have an id. One that is replaced is replaced as by `updatePipeline`.
   */
  async putPipeline(
    config: MessageInit<PipelineConfig>,
    options?: CallOptions,
  ): Promise<bigint> {
    const id = requiredString("config.id", config.id);
    if (await this.getPipeline(id, options) === undefined) {
      try {
        await this.createPipeline(config, options);
        return 1n;
      } catch (error) {
        // Somebody else has just created it.
        const { code } = asConveyorError(error);
        if (code !== Code.FailedPrecondition) throw error;
      }
    }
    return await this.updatePipeline(id, config, options);
  }

  /** Removes a pipeline; with `force` although it is enabled or has records under way. */
  async deletePipeline(
    pipelineId: string,
    force = false,
    options?: CallOptions,
  ): Promise<void> {
    const { message } = await this.#transport.unary(
      methods.deletePipeline,
      { pipelineId: requiredString("pipelineId", pipelineId), force },
      options,
    );
    refuseUnless(message);
  }

  /** A pipeline and how it goes; undefined when there is none of that id. */
  async getPipeline(
    pipelineId: string,
    options?: CallOptions,
  ): Promise<PipelineDescription | undefined> {
    const { message: { found, config, status } } = await this.#transport.unary(
      methods.getPipeline,
      { pipelineId: requiredString("pipelineId", pipelineId) },
      options,
    );
    return found && config && status ? { config, status } : undefined;
  }

  /** The enabled pipelines, or all. */
  async listPipelines(
    includeDisabled = false,
    options?: CallOptions,
  ): Promise<readonly PipelineConfig[]> {
    const { message } = await this.#transport.unary(
      methods.listPipelines,
      { includeDisabled },
      options,
    );
    return message.pipelines;
  }

  /** Makes a pipeline take records. */
  async enablePipeline(
    pipelineId: string,
    options?: CallOptions,
  ): Promise<void> {
    const { message } = await this.#transport.unary(
      methods.enablePipeline,
      { pipelineId: requiredString("pipelineId", pipelineId) },
      options,
    );
    refuseUnless(message);
  }

  /**
   * Makes a pipeline take no more records; resolves with the number still under way, after they have
   * finished when `drain` is set.
   */
  async disablePipeline(
    pipelineId: string,
    drain = false,
    options?: CallOptions,
  ): Promise<bigint> {
    const { message } = await this.#transport.unary(
      methods.disablePipeline,
      { pipelineId: requiredString("pipelineId", pipelineId), drain },
      options,
    );
    refuseUnless(message);
    return message.pendingRecords;
  }

  /** The cluster, as the node that answers sees it. */
  async clusterStatus(
    options?: CallOptions,
  ): Promise<GetClusterStatusResponse> {
    const { message } = await this.#transport.unary(
      methods.getClusterStatus,
      {},
      options,
    );
    return message;
  }

  /** Metrics of the node that answers, by name; all of them unless names are given. */
  async metrics(
    metricNames: readonly string[] = [],
    options?: CallOptions,
  ): Promise<{ readonly [name: string]: number }> {
    const { message } = await this.#transport.unary(
      methods.getMetrics,
      { metricNames },
      options,
    );
    return message.metrics;
  }

  /** Ends the connection. Idempotent. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What the router refuses as things stand is told in the body of its answer. */
function refuseUnless(
  { success, error }: { readonly success: boolean; readonly error: string },
): void {
  if (!success) throw new ConveyorError(Code.FailedPrecondition, error);
}
