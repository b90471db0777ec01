/**
 * What a pipeline puts out, over all nodes of a cluster: records wait at the node that took them, and a
 * consumer may come to any. The node that it comes to pulls from the others for it, and sends acks on to
 * where the records wait, which their partition names. A call between nodes goes no further.
 */
import type { ConnectOptions } from "../../clients/channel_options.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { within } from "../consensus/within.ts";
import { Code, ConveyorError, messageOf } from "../errors.ts";
import {
  pullService,
  type PullSupplyPort,
  type ReceivedAcks,
} from "../handlers/pull_handler.ts";
import {
  callTimeoutMs,
  recordsInFlightMax,
  relayLookMs,
  serviceConnectTimeoutMs,
} from "../limits.ts";
import { log } from "../log.ts";
import { relayedKey } from "../metadata_keys.ts";
import type { Scheduler } from "../scheduler.ts";
import { codecOf } from "../../proto/codec.ts";
import type { AckResponse, PullRequest } from "../../proto/messages/source.ts";
import { schema } from "../../proto/schema.ts";
import { rawMethod } from "../../proto/service.ts";
import { ChannelPool } from "../services/channel_pool.ts";
import { MergedBatches } from "./merged_batches.ts";
import type { PulledStages } from "./pulled_stages.ts";

const pullRecords = rawMethod(pullService.methods.pullRecords);
const acknowledge = rawMethod(pullService.methods.acknowledge);
const pullRequest = codecOf<PullRequest>(
  schema.lookupType("conveyor.source.PullRequest"),
);
const ackResponse = codecOf<AckResponse>(
  schema.lookupType("conveyor.source.AckResponse"),
);

/** What the relay works with. */
export interface PullRelayParts {
  readonly nodeId: number;
  /** What waits at this node. */
  readonly local: PulledStages;
  readonly replicated: ReplicatedState;
  readonly scheduler: Scheduler;
  /** Whether nodes serve with TLS. */
  readonly useTls: boolean;
  /** How they are dialled. */
  readonly dial: Pick<ConnectOptions, "tls">;
}

/** The relay of one node. */
export class PullRelay implements PullSupplyPort, AsyncDisposable {
  readonly #parts: PullRelayParts;
  /** To the other nodes. */
  readonly #channels: ChannelPool;

  constructor(parts: PullRelayParts) {
    this.#parts = parts;
    this.#channels = new ChannelPool({
      ...parts.dial,
      connectTimeoutMs: serviceConnectTimeoutMs,
      metadata: { [relayedKey]: "true" },
    });
  }

  /** Ends the connections to the other nodes. Idempotent. */
  close(): Promise<void> {
    return this.#channels.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  pull(
    request: PullRequest,
    relayed: boolean,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const { local } = this.#parts;
    return relayed || this.#members === 1
      ? local.pull(request, signal)
      : this.#pullAll(request, signal);
  }

  async acknowledge(
    { request, acks }: ReceivedAcks,
    relayed: boolean,
    signal: AbortSignal,
  ): Promise<number> {
    const { local } = this.#parts;
    if (relayed) return local.acknowledge(acks);
    const others = this.#urlsOf(acks.ids.partitions.subarray(0, acks.count));
    // Read before anything is waited for: the next call turns the view to other bytes.
    const settled = local.has(acks.sourceId) || others.length === 0
      ? local.acknowledge(acks)
      : 0;
    const answers = await Promise.all(
      others.map((url) => this.#sendOn(url, request, signal)),
    );
    return answers.reduce((sum, count) => sum + count, settled);
  }

  /** From this node, which knows whether there is such a source, and from the others. */
  async *#pullAll(
    request: PullRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { local } = this.#parts;
    const share = {
      ...request,
      maxInFlight: Math.max(
        1,
        Math.floor((request.maxInFlight || recordsInFlightMax) / this.#members),
      ),
    };
    const leaving = new AbortController();
    const either = AbortSignal.any([signal, leaving.signal]);
    const merged = new MergedBatches();
    const own = merged.add(local.pull(share, either));
    try {
      void this.#followOthers(share, merged, own, either);
      yield* merged;
    } finally {
      leaving.abort();
      merged.close();
    }
  }

  /** Pulls from the other nodes that live, as they come and go, until this one's stream is over. */
  async #followOthers(
    request: PullRequest,
    merged: MergedBatches,
    own: Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const encoded = pullRequest.encode(request);
    const pulled = new Set<string>();
    let over = false;
    own.then(() => over = true, () => over = true);
    while (!over && !signal.aborted) {
      this.#channels.keepOnly(new Set(this.#others().values()));
      for (const url of this.#others().values()) {
        if (pulled.has(url)) continue;
        pulled.add(url);
        merged.add(this.#channels.stream(url, pullRecords, encoded, signal))
          .catch((error) => {
            if (signal.aborted) return;
            log.debug("Cannot pull from another node for now", {
              url,
              reason: messageOf(error),
            });
          })
          .finally(() => pulled.delete(url));
      }
      await this.#pause(signal);
    }
  }

  async #sendOn(
    url: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): Promise<number> {
    try {
      const answer = await this.#channels.call(url, acknowledge, request, {
        timeoutMs: callTimeoutMs,
        signal,
      });
      return Number(ackResponse.decode(answer).acknowledged);
    } catch (error) {
      // What a node has given up, by its end or that of the pipeline, is not there to be settled.
      const isGone = ![...this.#others().values()].includes(url);
      if (isGone || isNotFound(error)) return 0;
      throw error;
    }
  }

  /** Where the other nodes are at which records of these partitions wait. */
  #urlsOf(partitions: Uint32Array): string[] {
    const others = this.#others();
    return [...new Set(partitions)].map((partition) =>
      others.get(partition + 1)
    ).filter((url) => url !== undefined);
  }

  /** The other nodes that live. */
  #others(): ReadonlyMap<number, string> {
    const { nodeId, replicated, useTls } = this.#parts;
    const scheme = useTls ? "https" : "http";
    return new Map(
      replicated.state.nodes.list()
        .filter((node) => !node.expired && node.nodeId !== nodeId)
        .map((node) => [node.nodeId, `${scheme}://${node.address}`]),
    );
  }

  get #members(): number {
    const { members } = this.#parts.replicated.metadata;
    return Math.max(1, members.filter(({ removed }) => !removed).length);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.scheduler.after(relayLookMs, resolve);
    await within(promise, signal).catch(() => {});
    cancel();
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof ConveyorError && error.code === Code.NotFound;
}
