/**
 * Where the stages of the assigned pipelines run, as the cluster said last: in this pod, in another
 * one, or nowhere yet; those that are pulled from, at a router. Stages ask it for each call, so that records under way follow their stage when it
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
  /** Whether the sink of the pod that goes by this name at this URL drops records that it has. */
  readonly isExactlyOnce: (name: string, url: string) => boolean;
  /** Routers of the cluster: what a pipeline puts out is pulled from them. */
  readonly routers: readonly string[];
}

/** Where a stage runs: in one place, or in any of several. */
interface Place {
  readonly id: string;
  readonly url: string;
  readonly isLocal: boolean;
  /** Name of its service. */
  readonly service: string;
}

/** The table of one sidecar. */
export class RoutingTable implements ServiceDirectory {
  readonly #parts: RoutingTableParts;
  /** By pipeline, and by stage in it. */
  readonly #places: Map<string, ReadonlyMap<string, readonly Place[]>> =
    new Map();
  /** How many stages run at each URL. */
  readonly #stagesAt: Map<string, number> = new Map();
  /** Where connections are kept besides. */
  #others: ReadonlySet<string> = new Set();
  /** Calls under way, by the URL that they go to. */
  readonly #calls: Map<string, number> = new Map();

  constructor(parts: RoutingTableParts) {
    this.#parts = parts;
  }

  /**
   * The stages of a pipeline run there from now on. Records of the stages `pulled` go to a router, which
   * keeps them for whoever pulls.
   */
  set(
    { pipelineId, stages }: PipelineAssignment,
    pulled: ReadonlySet<string> = new Set(),
  ): void {
    const routers = this.#parts.routers.map((url): Place => ({
      id: `router ${url}`,
      url,
      isLocal: false,
      service: "",
    }));
    this.#replace(
      pipelineId,
      new Map(stages.map((stage) => [
        stage.stageId,
        pulled.has(stage.stageId) ? routers : placesOf(stage),
      ])),
    );
  }

  /** Nothing of the pipeline is left here. */
  delete(pipelineId: string): void {
    this.#replace(pipelineId, undefined);
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
    { kind, pipelineId, stageId, leaveOut }: InstanceRequest<Kind>,
  ): ServiceInstance<Kind> | undefined {
    const places = this.#places.get(pipelineId)?.get(stageId) ?? [];
    const place = places.find(({ id }) => !leaveOut(id));
    if (place === undefined) return undefined;
    const { id, url, isLocal, service } = place;
    if (kind === "relay") {
      // Records that were to go to another pod when they came, and whose stage has come here since.
      return this.#instance(kind, id, isLocal ? this.#parts.ownUrl() : url);
    }
    if (!isLocal) return undefined;
    const exactlyOnce = this.#parts.isExactlyOnce(service, url);
    return this.#instance(kind, id, url, exactlyOnce);
  }

  /** A source is known by its own name alone: pods do not see the register of services. */
  source(_sourceId: string): RegisteredSource | undefined {
    return undefined;
  }

  #instance<Kind extends ServedKind>(
    kind: Kind,
    id: string,
    url: string,
    exactlyOnce = false,
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
    return { id, port, exactlyOnce } as ServiceInstance<Kind>;
  }

  #count(url: string, change: number): void {
    add(this.#calls, url, change);
  }

  /** Puts the places of a pipeline in place of those that it has. */
  #replace(pipelineId: string, places: Places | undefined): void {
    const before = this.#places.get(pipelineId);
    if (places) this.#places.set(pipelineId, places);
    else this.#places.delete(pipelineId);
    for (const url of urlsOf(places)) add(this.#stagesAt, url, 1);
    const left = urlsOf(before).filter((url) => {
      add(this.#stagesAt, url, -1);
      return !this.#stagesAt.has(url);
    });
    const { ownUrl, localUrls } = this.#parts;
    const others = new Set([ownUrl(), ...localUrls()]);
    const isAnyGone = left.length > 0 || !this.#others.isSubsetOf(others);
    this.#others = others;
    if (isAnyGone) this.#hangUp();
  }

  /** Closes the connections to where no stage runs any more: what is under way there goes elsewhere. */
  #hangUp(): void {
    this.#parts.pool.keepOnly(this.#others.union(this.#stagesAt));
  }
}

type Places = ReadonlyMap<string, readonly Place[]>;

function urlsOf(places: Places | undefined): string[] {
  return [...places?.values() ?? []].flat().map(({ url }) => url);
}

/** Counts up or down; what none is left of is not counted. */
function add(counts: Map<string, number>, url: string, change: number): void {
  const count = (counts.get(url) ?? 0) + change;
  if (count > 0) counts.set(url, count);
  else counts.delete(url);
}

function placesOf(
  { localEndpoint, remoteSidecar, serviceName: service }: StageAssignment,
): Place[] {
  if (localEndpoint !== undefined) {
    const [id, url] = [localEndpoint, localEndpoint];
    return [{ id, url, isLocal: true, service }];
  }
  if (remoteSidecar === undefined) return [];
  const { sidecarId, endpoint: url } = remoteSidecar;
  return [{ id: `${sidecarId} ${url}`, url, isLocal: false, service }];
}
