/** Changes who belongs to a cluster of routers, and tells how its nodes stand. */
import type { MessageInit } from "../proto/codec.ts";
import type {
  AddNodeRequest,
  ClusterNode,
  ClusterServiceMethods,
  ListNodesResponse,
  StatusResponse,
} from "../proto/messages/cluster.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { RouterChannel } from "./router_channel.ts";
import type { CallOptions, Transport } from "./transport.ts";

const { methods }: Service<ClusterServiceMethods> = serviceOf(
  "conveyor.cluster.ClusterService",
);

/**
 * A client of a cluster's membership, over one or several of its routers. What only the leader can do
 * goes to the leader, whichever router is asked first; every call may be repeated.
 *
 * Every method rejects with a `ConveyorError`: `InvalidArgument` that names the field, such as the id
 * of a former member; `NotFound` for a node that is none; `FailedPrecondition` for a vote that a node
 * cannot have yet, and for a removal that would cost the cluster its majority; and `Unavailable` when
 * no router can be reached or no majority of them.
 *
 * @example Take a node in, and give it a vote
 * ```ts
 * import { ClusterClient } from "@conveyor/grpc";
 *
 * async function grow(routers: readonly string[], address: string): Promise<number> {
 *   await using cluster = await ClusterClient.connect(routers);
 *   await cluster.addNode({ nodeId: 4n, address, learner: true });
 *   const nodes = await cluster.promoteLearner(4n);
 *   return nodes.length;
 * }
 * ```
 */
export class ClusterClient implements AsyncDisposable {
  readonly #transport: Transport;

  /** A client over a connection that exists already; `connect` makes one. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Connects to a router, or to the first of several that answers. */
  static async connect(
    routers: string | readonly string[],
    options?: ConnectOptions,
  ): Promise<ClusterClient> {
    return new ClusterClient(await RouterChannel.connect(routers, options));
  }

  /**
   * Takes a node in, as a learner: it gets the log and has no vote. Without `learner` it is to have its
   * vote, which a new node cannot. Of a member it changes the address, and never takes its vote away.
   * Resolves with the members.
   */
  async addNode(
    request: MessageInit<AddNodeRequest>,
    options?: CallOptions,
  ): Promise<readonly ClusterNode[]> {
    const { message } = await this.#transport.unary(
      methods.addNode,
      request,
      options,
    );
    return message.nodes;
  }

  /**
   * Takes a node out for good: its id is never used again. A leader hands over first. Rejects with
   * `FailedPrecondition` where too few of the voters that would be left have answered lately, and names
   * those that did not: bring one back, or remove it first. Resolves with the members.
   */
  async removeNode(
    nodeId: bigint,
    options?: CallOptions,
  ): Promise<readonly ClusterNode[]> {
    const { message } = await this.#transport.unary(
      methods.removeNode,
      { nodeId },
      options,
    );
    return message.nodes;
  }

  /** Gives a learner that answers and has caught up its vote. Resolves with the members. */
  async promoteLearner(
    nodeId: bigint,
    options?: CallOptions,
  ): Promise<readonly ClusterNode[]> {
    const { message } = await this.#transport.unary(
      methods.promoteLearner,
      { nodeId },
      options,
    );
    return message.nodes;
  }

  /** Makes another voter lead: the named one, or the one that is placed best. */
  async transferLeadership(
    nodeId = 0n,
    options?: CallOptions,
  ): Promise<void> {
    await this.#transport.unary(
      methods.transferLeadership,
      { nodeId },
      options,
    );
  }

  /** The members and the leader, as the router that answers knows them. */
  async listNodes(options?: CallOptions): Promise<ListNodesResponse> {
    const { message } = await this.#transport.unary(
      methods.listNodes,
      {},
      options,
    );
    return message;
  }

  /** How the router that answers stands in its log and its term. */
  async status(options?: CallOptions): Promise<StatusResponse> {
    const { message } = await this.#transport.unary(
      methods.status,
      {},
      options,
    );
    return message;
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
