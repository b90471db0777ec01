/**
 * Where the stages of the assigned pipelines run, as the cluster said last: in this pod, in another
 * one, or nowhere yet. Stages ask it for each call, so that records under way follow their stage when it
 * moves.
 */
import type {
  InstanceRequest,
  RegisteredSource,
  ServedKind,
  ServiceDirectory,
  ServiceInstance,
} from "../delivery/ports.ts";
import type { ChannelPool } from "../services/channel_pool.ts";
import { portOf } from "../services/stage_ports.ts";
import type {
  PipelineAssignment,
  StageAssignment,
} from "../../proto/messages/sidecar.ts";

/** What the table needs of its sidecar. */
export interface RoutingTableParts {
  readonly sidecarId: string;
  readonly pool: ChannelPool;
  /** Where the sidecar itself takes what is handed over. */
  readonly ownUrl: () => string;
  /** Services of the pod: connections to them are kept, whether or not they have a stage. */
  readonly localUrls: () => readonly string[];
}

/** Where a stage runs. */
interface Place {
  readonly id: string;
  readonly url: string;
  readonly isLocal: boolean;
}

/** The table of one sidecar. */
export class RoutingTable implements ServiceDirectory {
  readonly #parts: RoutingTableParts;
  /** By pipeline, and by stage in it. */
  readonly #places: Map<string, ReadonlyMap<string, Place>> = new Map();
  /** Calls under way, by the URL that they go to. */
  readonly #calls: Map<string, number> = new Map();

  constructor(parts: RoutingTableParts) {
    this.#parts = parts;
  }

  /** The stages of a pipeline run there from now on. */
  set({ pipelineId, stages }: PipelineAssignment): void {
    this.#places.set(
      pipelineId,
      new Map(stages.flatMap((stage) => {
        const place = placeOf(stage);
        return place === undefined ? [] : [[stage.stageId, place]];
      })),
    );
    this.#hangUp();
  }

  /** Nothing of the pipeline is left here. */
  delete(pipelineId: string): void {
    this.#places.delete(pipelineId);
    this.#hangUp();
  }

  /** Calls under way to the service or sidecar at `url`. */
  callsTo(url: string): number {
    return this.#calls.get(url) ?? 0;
  }

  /** Calls under way to all of them. */
  get calls(): number {
    let calls = 0;
    for (const each of this.#calls.values()) calls += each;
    return calls;
  }

  pick<Kind extends ServedKind>(
    { kind, pipelineId, stageId, pulled, leaveOut }: InstanceRequest<Kind>,
  ): ServiceInstance<Kind> | undefined {
    const place = this.#places.get(pipelineId)?.get(stageId);
    if (place === undefined || pulled) return undefined;
    const { id, url, isLocal } = place;
    if (leaveOut(id)) return undefined;
    if (kind === "relay") {
      // Records that were to go to another pod when they came, and whose stage has come here since.
      return this.#instance(kind, id, isLocal ? this.#parts.ownUrl() : url);
    }
    return isLocal ? this.#instance(kind, id, url) : undefined;
  }

  /** A source is known by its own name alone: pods do not see the register of services. */
  source(_sourceId: string): RegisteredSource | undefined {
    return undefined;
  }

  #instance<Kind extends ServedKind>(
    kind: Kind,
    id: string,
    url: string,
  ): ServiceInstance<Kind> {
    const { pool, sidecarId } = this.#parts;
    const port = portOf(kind, {
      call: async (method, request, limits) => {
        this.#count(url, 1);
        try {
          return await pool.call(url, method, request, limits);
        } finally {
          this.#count(url, -1);
        }
      },
      incarnation: () => pool.incarnation(url),
      sender: sidecarId,
    });
    // Made for a stage of this kind.
    return { id, port } as ServiceInstance<Kind>;
  }

  #count(url: string, change: number): void {
    const calls = this.callsTo(url) + change;
    if (calls > 0) this.#calls.set(url, calls);
    else this.#calls.delete(url);
  }

  /** Closes the connections to where no stage runs any more: what is under way there goes elsewhere. */
  #hangUp(): void {
    const { ownUrl, localUrls } = this.#parts;
    const urls = new Set([ownUrl(), ...localUrls()]);
    for (const places of this.#places.values()) {
      for (const { url } of places.values()) urls.add(url);
    }
    this.#parts.pool.keepOnly(urls);
  }
}

function placeOf(
  { localEndpoint, remoteSidecar }: StageAssignment,
): Place | undefined {
  if (localEndpoint !== undefined) {
    return { id: localEndpoint, url: localEndpoint, isLocal: true };
  }
  if (remoteSidecar === undefined) return undefined;
  const { sidecarId, endpoint } = remoteSidecar;
  return { id: `${sidecarId} ${endpoint}`, url: endpoint, isLocal: false };
}
