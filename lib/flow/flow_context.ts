/** What the parts of one flow share. */
import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import type { Scheduler } from "../scheduler.ts";
import type { AckTracker } from "../delivery/ack_tracker.ts";
import type { Buffer } from "../delivery/buffer.ts";
import type {
  DeadLetterPort,
  OffsetPort,
  ServiceDirectory,
} from "../delivery/ports.ts";
import type { Failure } from "../delivery/work.ts";
import type { FlowCounters } from "./counters.ts";
import type { ResolvedFlowOptions } from "./flow_options.ts";
import type { Views } from "./views.ts";

/** The world outside the flow. */
export interface FlowPorts {
  readonly services: ServiceDirectory;
  readonly deadLetters: DeadLetterPort;
  readonly offsets: OffsetPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  /**
   * Frees bytes that nobody reads any more: what a source or another process sent, once its records are
   * answered; what a transform or lookup made, once its records have left the stages after it. The flow
   * owns what it is given.
   */
  readonly release: (bytes: Uint8Array) => void;
}

/** What came before a dead letter was sent through again. */
export interface ReplayHistory {
  readonly letterId: string;
  readonly attempts: number;
  /** In ms since the epoch. */
  readonly firstFailureMs: number;
  /** Why it is a dead letter once more, if so. */
  failure: Failure | undefined;
}

/** What the parts share. */
export interface FlowContext {
  readonly ports: FlowPorts;
  readonly options: ResolvedFlowOptions;
  readonly buffer: Buffer;
  readonly tracker: AckTracker;
  readonly counters: FlowCounters;
  readonly views: Views;
  /** What is known of the records that were dead letters and are sent through again, by slot. */
  readonly replays: Map<number, ReplayHistory>;
  /** Tells sources what became known, and notes the offsets to commit. Called once for many records. */
  readonly tell: () => void;
}
