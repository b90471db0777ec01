/**
 * Pulls what this node owns of the sources that pipelines name, and nothing else: it looks anew when
 * pipelines, services or the nodes that live have changed. Offsets of what was pulled are committed
 * under the generation of the ownership, so that a node that lost it without knowing moves none.
 */
import type { Clock } from "../clock.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import type { LeaseKeeper } from "../consensus/lease_keeper.ts";
import type { PartitionOffset } from "../delivery/ports.ts";
import type { Failure } from "../delivery/work.ts";
import { codeName } from "../delivery/failure.ts";
import { type FlowOptions, resolveFlowOptions } from "../flow/flow_options.ts";
import { commitOffsets } from "../handlers/offset_changes.ts";
import { pullLeaveMs, pullLookMs } from "../limits.ts";
import type { Metric } from "../metrics/sample.ts";
import { pullMetrics } from "../pull/pull_metrics.ts";
import { ownedShares, type PullShare, shareOf } from "../state/pull_shares.ts";
import { urlOf } from "../services/channel_pool.ts";
import { replicatedProgress } from "./replicated_progress.ts";
import { NodeLease } from "./node_lease.ts";
import { type PullPorts, SourcePull } from "../pull/source_pull.ts";

/** What the supervisor works with. */
export interface PullSupervisorParts extends Omit<PullPorts, "progress"> {
  readonly replicated: ReplicatedState;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly leases: Pick<LeaseKeeper, "renew">;
  readonly clock: Clock;
  /** What the node is bounded by. */
  readonly flow: FlowOptions;
}

/** The pulls of one node. */
export class PullSupervisor {
  readonly #parts: PullSupervisorParts;
  readonly #ports: PullPorts;
  /** By what makes a pull another one: share, registration and place. */
  readonly #pulls: Map<string, SourcePull> = new Map();
  /** Those that finish what they have read. */
  readonly #ending: Set<Promise<void>> = new Set();
  readonly #stopping: Set<SourcePull> = new Set();
  /** Ids of sources that were pulled from here, and of those that some node is to pull from. */
  readonly #pulledHere: Set<string> = new Set();
  #pulledAnywhere: ReadonlySet<string> = new Set();
  /** Records that one source may have under way on this node. */
  readonly #windowRecords: number;
  #lease: NodeLease | undefined;
  #cancelLook: (() => void) | undefined;
  #leaving = false;

  constructor(parts: PullSupervisorParts) {
    this.#parts = parts;
    this.#ports = { ...parts, progress: replicatedProgress(parts.replicated) };
    this.#windowRecords = resolveFlowOptions(parts.flow).creditWindowRecords;
  }

  /** The node takes its part from now on, and is reached at `address`. */
  start(address: string): void {
    this.#lease = new NodeLease({
      ...this.#parts,
      address,
      changed: () => this.changed(),
    });
    this.#lease.start();
  }

  /** Looks soon what there is to pull. */
  changed(): void {
    if (this.#leaving || this.#cancelLook) return;
    this.#cancelLook = this.#parts.scheduler.after(pullLookMs, () => {
      this.#cancelLook = undefined;
      this.#look();
    });
  }

  /** Commits offsets; those of shares that this node does not own any more are left to who does. */
  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const { replicated, nodeId } = this.#parts;
    for (let left = offsets; left.length > 0;) {
      const outcomes = await commitOffsets(replicated, left, {
        nodeId,
        generationOf: (sourceId) => this.#generationOf(sourceId),
      });
      // The nodes that live have changed meanwhile, and this one still owns it.
      left = left.filter((offset, at) =>
        outcomes[at] === "fenced" && this.#owns(offset)
      );
    }
  }

  /** Reads no more; resolves when all that was read is settled and acknowledged. */
  async leave(): Promise<void> {
    this.#leaving = true;
    this.#cancelLook?.();
    for (const [key, pull] of this.#pulls) this.#end(key, pull);
    await Promise.all(this.#ending);
  }

  /** Stops at once, and lets other nodes have what this one pulled. Idempotent. */
  async close(): Promise<void> {
    const left = this.leave();
    for (const pull of this.#stopping) void pull.close();
    await left;
    await this.#lease?.close();
  }

  /** Why nothing can be pulled now, by the id of the source. */
  troubles(): ReadonlyMap<string, Failure> {
    const troubles = new Map<string, Failure>();
    for (const { target, trouble } of this.#pulls.values()) {
      if (trouble === undefined) continue;
      const { code, message } = trouble;
      troubles.set(target.sourceId, { code: codeName(code), message });
    }
    return troubles;
  }

  metrics(): Iterable<Metric> {
    return pullMetrics([...this.#pulls.values()]);
  }

  #look(): void {
    const { replicated: { state }, nodeId } = this.#parts;
    const sources = state.pulledSources();
    this.#pulledAnywhere = new Set(
      sources.map(({ identity }) => identity.serviceId),
    );
    for (const id of this.#pulledHere) {
      if (!state.services.get(id)) this.#pulledHere.delete(id);
    }
    const wanted = new Map(
      ownedShares(this.#lease?.held ? sources : [], state.nodes, nodeId)
        .filter(({ source }) => source.endpoint)
        .map((share) => [keyOf(share), share]),
    );
    for (const [key, pull] of this.#pulls) {
      if (!wanted.has(key)) this.#end(key, pull);
    }
    for (const [key, share] of wanted) {
      if (!this.#pulls.has(key)) this.#pulls.set(key, this.#begin(share));
    }
  }

  #begin({ source, partition, of }: PullShare): SourcePull {
    const { clusterId } = this.#parts;
    const { serviceId: sourceId } = source.identity;
    this.#pulledHere.add(sourceId);
    const consumer = `conveyor-${clusterId}`;
    return new SourcePull({
      sourceId,
      partition,
      url: urlOf(source.endpoint!),
      consumerId: partition === undefined
        ? consumer
        : `${consumer}/${partition}`,
      inFlightMax: Math.max(1, Math.floor(this.#windowRecords / of)),
    }, this.#ports);
  }

  #end(key: string, pull: SourcePull): void {
    this.#pulls.delete(key);
    this.#stopping.add(pull);
    const cancel = this.#parts.scheduler.after(
      pullLeaveMs,
      () => void pull.close(),
    );
    const ending = pull.leave().then(() => {
      cancel();
      this.#ending.delete(ending);
      this.#stopping.delete(pull);
    });
    this.#ending.add(ending);
  }

  /** Of a source that nobody pulls from any more the records are as if pushed. */
  #generationOf(sourceId: string): number {
    return this.#pulledHere.has(sourceId) && this.#pulledAnywhere.has(sourceId)
      ? this.#parts.replicated.state.nodes.generation
      : 0;
  }

  #owns({ sourceId, partition }: PartitionOffset): boolean {
    const { replicated: { state }, nodeId } = this.#parts;
    const share = shareOf(state.services.get(sourceId), partition);
    return state.nodes.pullOwner(sourceId, share)?.nodeId === nodeId;
  }
}

function keyOf({ source, partition }: PullShare): string {
  const { identity, registrationId, endpoint } = source;
  return JSON.stringify([
    identity.serviceId,
    partition,
    registrationId,
    urlOf(endpoint!),
  ]);
}
