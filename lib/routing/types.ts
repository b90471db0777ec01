/**
 * A pipeline as the router runs it: every default filled in, every name of a stage replaced by a
 * small index, nothing left to look up or to check. `compilePipeline` makes it whole and it never
 * changes, so that records in flight can keep the one that they entered.
 */
import type { Condition } from "./condition.ts";

/** A valid pipeline, compiled. */
export interface CompiledPipeline {
  readonly id: string;
  /** In the order of the configuration: `stages[i].index === i`. */
  readonly stages: readonly CompiledStage[];
  readonly sources: readonly SourceStage[];
  readonly sinks: readonly SinkStage[];
  /** Indexes of all stages, each after those that lead to it. */
  readonly order: readonly number[];
  readonly unrouted: "filter" | "dead_letter";
  readonly deadLetter: DeadLetterSettings;
  /** The metadata that conditions ask for; a condition knows a key by its index here. */
  readonly metadataKeys: readonly string[];
}

/** One stage. */
export type CompiledStage =
  | SourceStage
  | TransformStage
  | LookupStage
  | SinkStage
  | RelayStage;

/** What every stage has, whatever its kind. */
export interface StageSettings {
  readonly index: number;
  readonly id: string;
  readonly selector: ServiceSelection;
  /** Lanes; order holds within one. */
  readonly parallelism: number;
  /** Records that may wait before the stage. */
  readonly queueRecords: number;
  readonly batch: BatchSettings;
  readonly retry: RetrySettings;
  readonly onUnavailable: "block" | "dead_letter" | "drop";
  readonly routes: StageRoutes;
}

/** Where records come in. */
export interface SourceStage extends StageSettings {
  readonly kind: "source";
}

/** Where records are changed, split or filtered. */
export interface TransformStage extends StageSettings {
  readonly kind: "transform";
  /** Handed to the transform as its transform_config. */
  readonly config: Readonly<Record<string, string>>;
}

/** Where data is added to records. */
export interface LookupStage extends StageSettings {
  readonly kind: "lookup";
  readonly lookup: LookupSettings;
}

/** Where records go out. */
export interface SinkStage extends StageSettings {
  readonly kind: "sink";
  /** Whether the router writes to a service, or consumers come to pull. */
  readonly delivery: "push" | "pull";
}

/** Where records are handed to another process, which runs the stage and all that comes after it. */
export interface RelayStage extends StageSettings {
  readonly kind: "relay";
}

/** Which services do the work of a stage. An empty part lets all through. */
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

/** What ends a batch: whichever is reached first. */
export interface BatchSettings {
  readonly recordsMax: number;
  /** With so many nothing waits for more. */
  readonly recordsDue: number;
  readonly bytesMax: number;
  readonly lingerMs: number;
}

/** How failed records are tried again: what `backoffMs` of lib/delivery/retry.ts takes, and more. */
export interface RetrySettings {
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly multiplier: number;
  readonly attemptTimeoutMs: number;
}

/** How a lookup adds data to records. */
export interface LookupSettings {
  readonly keyFields: readonly string[];
  readonly outputPrefix: string;
  readonly onMiss: "pass_through" | "drop" | "error";
  /** Answers kept, and for how long; undefined: none is kept. */
  readonly cache:
    | { readonly entriesMax: number; readonly ttlMs: number }
    | undefined;
}

/** Where dead letters go, and how many are kept. */
export interface DeadLetterSettings {
  /** Name of a sink service; empty: the built-in store. */
  readonly sinkService: string;
  /** Letters kept at most; undefined: the router's default. */
  readonly recordsMax: bigint | undefined;
  /** How long a letter is kept; undefined: the router's default. */
  readonly ageMsMax: number | undefined;
}

/**
 * Where records go from a stage. `fixed`: all to the same stages, with nothing to ask of a record.
 * `edges`: along each whose condition holds. `rules`: to the targets of the first that holds, in
 * this order.
 */
export type StageRoutes =
  | { readonly kind: "fixed"; readonly targets: readonly number[] }
  | { readonly kind: "edges"; readonly edges: readonly CompiledEdge[] }
  | { readonly kind: "rules"; readonly rules: readonly CompiledRule[] };

/** An edge to the stage with index `target`. */
export interface CompiledEdge {
  readonly target: number;
  readonly condition: Condition;
}

/** A rule that sends records to the stages with indexes `targets`. */
export interface CompiledRule {
  readonly targets: readonly number[];
  readonly condition: Condition;
}
