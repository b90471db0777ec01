/**
 * What the flow of records needs of the world, as interfaces: services that do the work of stages,
 * the choice among them, the store of dead letters, the committed offsets. Whoever wires the router
 * implements them; tests do so in memory. Requests and answers are serialized messages, so that no
 * record is decoded on its way. A request is its port's own, and what a transform or lookup answers is the
 * caller's: either may free it once it has been used.
 */

/** What bounds a call. */
export interface CallLimits {
  /** The call is to end with DeadlineExceeded after this. Undefined: it may take any time. */
  readonly timeoutMs: number | undefined;
  /** Records that the call is about. */
  readonly records: number;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * One instance of a service. What its calls reject with is a ConveyorError: its code says whether
 * the records or the service are to blame.
 */
export interface TransformPort {
  /** Takes a serialized ProcessBatchRequest, gives a serialized ProcessBatchResponse. */
  call(request: Uint8Array, limits: CallLimits): PromiseLike<Uint8Array>;
}

/** An instance of a lookup service; as a TransformPort. */
export interface LookupPort {
  /** Takes a serialized BatchLookupRequest, gives a serialized BatchLookupResponse. */
  call(request: Uint8Array, limits: CallLimits): PromiseLike<Uint8Array>;
}

/** An instance of a sink service; as a TransformPort. */
export interface SinkPort {
  /** Takes a serialized WriteBatchRequest, gives a serialized WriteBatchResponse. */
  call(request: Uint8Array, limits: CallLimits): PromiseLike<Uint8Array>;
  /** Makes durable what it answered as pending, under this sink id; whether it did. */
  flush(sinkId: string, limits: CallLimits): PromiseLike<boolean>;
  /**
   * Changes when the instance may have lost what was pending in it: with a new connection, say. What
   * was pending before is written again instead of flushed.
   */
  readonly incarnation: number;
}

/** Another process that runs a stage and all that comes after it; as a TransformPort. */
export interface RelayPort {
  /** Takes a serialized ReceiveRecordsRequest, gives a serialized ReceiveRecordsResponse. */
  call(request: Uint8Array, limits: CallLimits): PromiseLike<Uint8Array>;
  /** Who sends, as the other one is told. */
  readonly sender: string;
}

/** The port of each kind of stage. */
export interface StagePorts {
  readonly transform: TransformPort;
  readonly lookup: LookupPort;
  readonly sink: SinkPort;
  readonly relay: RelayPort;
}

/** A stage that has its work done by services. */
export type ServedKind = keyof StagePorts;

/** An instance that can be called. */
export interface ServiceInstance<Kind extends ServedKind = ServedKind> {
  /** The registered service's id. */
  readonly id: string;
  readonly port: StagePorts[Kind];
  /** Whether the sink drops records whose idempotency_key it has: then each record carries one. */
  readonly exactlyOnce?: boolean;
  /** Largest batch that it takes; undefined: it has not said. */
  readonly recordsMax?: number;
}

/** Which services do the work of a stage: what a pipeline says of it. */
export interface ServiceSelection {
  readonly serviceName: string;
  readonly groupId: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly loadBalance:
    | "round_robin"
    | "least_connections"
    | "weighted_random"
    | "consistent_hash";
}

/** What an instance is wanted for. */
export interface InstanceRequest<Kind extends ServedKind = ServedKind> {
  readonly kind: Kind;
  readonly pipelineId: string;
  readonly stageId: string;
  /** The same object each time for one stage: whose turn it is may be remembered by it. */
  readonly selector: ServiceSelection;
  /** Of a sink stage: whether its records wait for consumers that pull them. */
  readonly pulled: boolean;
  /** Where the selector balances by consistent hash, the hash of the record's key. */
  readonly keyHash: number;
  /** Whether the instance must be left out, since calls of it failed a moment ago. */
  readonly leaveOut: (instanceId: string) => boolean;
}

/** A registered source service. */
export interface RegisteredSource {
  readonly name: string;
  /** Those that it says it is of, and those that it joined. */
  readonly groupIds: ReadonlySet<string>;
  readonly labels: ReadonlyMap<string, string>;
}

/** The services that are registered, and how to choose among them. */
export interface ServiceDirectory {
  /** A healthy instance that is not left out, chosen as the selector says. */
  pick<Kind extends ServedKind>(
    request: InstanceRequest<Kind>,
  ): ServiceInstance<Kind> | undefined;
  /** The registered service whose id is the source id. */
  source(sourceId: string): RegisteredSource | undefined;
}

/** A record that could not be processed. */
export interface Letter {
  /** The serialized Record as it went into the stage. Valid until the put ends. */
  readonly record: Uint8Array;
  /** Which of the records made of one source record it is, as a Load says. */
  readonly lineage: number;
  readonly pipelineId: string;
  readonly stageId: string;
  readonly errorCode: string;
  readonly errorMessage: string;
  /** Attempts in all, those of replays included. */
  readonly attempts: number;
  /** In ms since the epoch. */
  readonly firstFailureMs: number;
  readonly lastFailureMs: number;
  /** The letter that was replayed and failed again: to be kept under its id, with this history. */
  readonly replayOf: string | undefined;
  /** Of a letter of another process: the id under which it is kept once, however often it is put. */
  readonly keptAs?: string;
}

/** Where the dead letters of a pipeline go, and how many are kept. */
export interface LetterBounds {
  /** Name of a sink service; empty: the built-in store. */
  readonly sinkService: string;
  readonly recordsMax: bigint | undefined;
  readonly ageMsMax: number | undefined;
}

/** Keeps dead letters. */
export interface DeadLetterPort {
  /**
   * Keeps letters, durably: the first of them, as many as there is room for; resolves with how many. Rejects
   * when that is none: with ResourceExhausted at the bound. Called again with the others until all are kept.
   */
  put(letters: readonly Letter[], bounds: LetterBounds): PromiseLike<number>;
}

/** An offset of a partition: up to it, itself included, every record is settled. */
export interface PartitionOffset {
  readonly sourceId: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** The committed offsets. */
export interface OffsetPort {
  /** The committed offset of a partition, as far as this node knows. */
  committed(sourceId: string, partition: number): bigint | undefined;
  /** Commits offsets; one that is lower than the committed one changes nothing. */
  commit(offsets: readonly PartitionOffset[]): PromiseLike<void>;
}
