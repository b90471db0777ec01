/**
 * The way to a leader that is another node: one channel to it, kept for as long as it leads, over
 * which proposals go in one hop. The leader answers when the request is applied there; the index in
 * the answer says what this node must have applied before its own state shows it.
 */
import { Channel } from "../../clients/channel.ts";
import { optionsFor } from "../../clients/options_for.ts";
import type { ConnectOptions } from "../../clients/channel_options.ts";
import {
  type ClusterServiceMethods,
  LeaseOutcome,
  type StatusResponse,
} from "../../proto/messages/cluster.ts";
import type { LeaseRef } from "../../proto/messages/state.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { Code, ConveyorError } from "../errors.ts";
import { connectTimeoutMs } from "../limits.ts";
import type { LeaseLeaderPort, LeaseRenewal } from "./lease_keeper.ts";
import type { Member } from "./members.ts";
import type { LeaderPort } from "./metadata.ts";
import type { Proposed } from "./proposals.ts";
import { within } from "./within.ts";

const { methods }: Service<ClusterServiceMethods> = serviceOf(
  "conveyor.cluster.ClusterService",
);

/** Calls the leader over gRPC. */
export class LeaderClient
  implements LeaderPort, LeaseLeaderPort, AsyncDisposable {
  readonly #options: ConnectOptions;
  #address = "";
  #channel: Promise<Channel> | undefined;
  #closed = false;

  /** `options` say how nodes are dialled: certificates, time-outs. */
  constructor(options: ConnectOptions = {}) {
    this.#options = { connectTimeoutMs, ...options };
  }

  async propose(
    leader: Member,
    requestId: Uint8Array,
    command: Uint8Array,
    signal: AbortSignal,
  ): Promise<Proposed> {
    const channel = await within(this.#to(leader), signal);
    const { message } = await channel.unary(
      methods.propose,
      { requestId, command },
      { signal },
    );
    return { index: Number(message.index), answer: message.answer };
  }

  async renewLeases(
    leader: Member,
    leases: readonly LeaseRef[],
    signal: AbortSignal,
  ): Promise<readonly LeaseRenewal[]> {
    const channel = await within(this.#to(leader), signal);
    const { message } = await channel.unary(
      methods.renewLeases,
      { leases },
      { signal },
    );
    const { outcomes, lastsMs } = message;
    return leases.map((_, at): LeaseRenewal => {
      switch (outcomes[at]) {
        case LeaseOutcome.Renewed:
          return { kind: "renewed", lastsMs: lastsMs[at] ?? 0 };
        case LeaseOutcome.Replaced:
          return { kind: "replaced" };
        case LeaseOutcome.Unknown:
          return { kind: "unknown" };
        default:
          throw new ConveyorError(
            Code.DataLoss,
            `Cannot renew ${leases.length} leases: the leader answered for ${outcomes.length}`,
          );
      }
    });
  }

  /** How the cluster stands, which only the leader sees whole. */
  async status(leader: Member, signal: AbortSignal): Promise<StatusResponse> {
    const channel = await within(this.#to(leader), signal);
    return (await channel.unary(methods.status, {}, { signal })).message;
  }

  /** Ends the channel. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #to({ address }: Member): Promise<Channel> {
    if (this.#closed) return Promise.reject(closing());
    if (this.#channel === undefined || this.#address !== address) {
      void this.#drop();
      this.#address = address;
      const channel = Channel.connect(
        address,
        optionsFor(address, this.#options),
      );
      this.#channel = channel;
      // The next request dials anew.
      channel.catch(() => {
        if (this.#channel === channel) this.#channel = undefined;
      });
    }
    return this.#channel;
  }

  async #drop(): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    try {
      await (await channel)?.close();
    } catch {
      // It never was a connection; who waited for it was told.
    }
  }
}

function closing(): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    "Cannot reach the leader: the node closes",
  );
}
