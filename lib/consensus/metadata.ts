/**
 * The replicated state as the rest of the router uses it, on any node: `propose` changes it, `read`
 * makes looking at it linearizable, `watch` tells of its changes. A node that does not lead passes
 * proposals to the one that does; what fails because the lead changed is repeated under the same
 * request id, so it is applied once. Without a leader for longer than an election takes, everything
 * is refused at once instead of waiting for its deadline.
 */
import type { Clock } from "../clock.ts";
import { Code, ConveyorError } from "../errors.ts";
import { callTimeoutMs, commandBytesMax } from "../limits.ts";
import type { ConfChangeSingle, SoftState, Status } from "../raft/types.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Driver } from "./driver.ts";
import type { RequestIds } from "./envelope.ts";
import type { AppliedEvent, EventLog } from "./event_log.ts";
import type { Member } from "./members.ts";
import { notLeader } from "./not_leader.ts";
import type { Proposed } from "./proposals.ts";
import type { Replicated } from "./replicated.ts";
import type { ConsensusSettings } from "./settings.ts";
import { within } from "./within.ts";

/** The way to a leader that is another node. */
export interface LeaderPort {
  propose(
    leader: Member,
    requestId: Uint8Array,
    command: Uint8Array,
    signal: AbortSignal,
  ): Promise<Proposed>;
}

/** What bounds a request. */
export interface RequestOptions {
  /** Ends the wait; a proposal may still be applied. @default a deadline of 30 s */
  readonly signal?: AbortSignal;
  /** By which a repeated request is known; 16 bytes. @default one of its own */
  readonly requestId?: Uint8Array;
}

/** What metadata is made of. */
export interface MetadataParts<Event> {
  readonly driver: Driver<Event>;
  readonly replicated: Replicated<Event>;
  readonly events: EventLog<Event>;
  readonly leader: LeaderPort;
  readonly requestIds: RequestIds;
  readonly settings: ConsensusSettings;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** The replicated state of one node. */
export class Metadata<Event> {
  readonly #parts: MetadataParts<Event>;
  #leaderlessSinceMs: number;
  /** When this node last took the lead. */
  #ledSinceMs = -Infinity;
  #roleWaiters: (() => void)[] = [];
  readonly #roleListeners: Set<() => void> = new Set();
  #appliedWaiters: { readonly index: number; readonly resolve: () => void }[] =
    [];

  constructor(parts: MetadataParts<Event>) {
    this.#parts = parts;
    this.#leaderlessSinceMs = parts.clock.monotonicMs();
  }

  get role(): SoftState {
    return this.#parts.driver.role;
  }

  /** The leader, when it is known and has an address. */
  get leader(): Member | undefined {
    return this.#parts.replicated.members.get(this.role.lead);
  }

  get members(): readonly Member[] {
    return this.#parts.replicated.members.list();
  }

  /** Index up to which the state on this node holds the log. */
  get appliedIndex(): number {
    return this.#parts.driver.applied;
  }

  status(): Status {
    return this.#parts.driver.status();
  }

  /** Has a command applied on every node, once; resolves when this node's state shows it. */
  propose(
    command: Uint8Array,
    options: RequestOptions = {},
  ): Promise<Proposed> {
    if (command.length > commandBytesMax) {
      return Promise.reject(tooLarge(command.length));
    }
    const { driver, leader: port, requestIds } = this.#parts;
    const { requestId = requestIds.next() } = options;
    return this.atLeader(async (leader, signal) => {
      if (leader === undefined) {
        return await within(
          driver.requests.propose(requestId, command),
          signal,
        );
      }
      const proposed = await port.propose(leader, requestId, command, signal);
      await this.#appliedUpTo(proposed.index, signal);
      return proposed;
    }, options);
  }

  /**
   * Runs `work` with the node that leads, or with undefined where that is this one; runs it again
   * when it finds the leader Unavailable, or when another takes the lead before it is done. Whatever
   * it asks for must bear to be asked twice. Unavailable without a leader for longer than an
   * election takes.
   */
  atLeader<T>(
    work: (leader: Member | undefined, signal: AbortSignal) => Promise<T>,
    options: Pick<RequestOptions, "signal"> = {},
  ): Promise<T> {
    return this.#bounded(options.signal, async (signal) => {
      for (;;) {
        const { lead } = this.role;
        try {
          return await this.#underLead(lead, work, signal);
        } catch (error) {
          await this.#beforeRepeat(error, lead, signal);
        }
      }
    });
  }

  /**
   * Has a membership change applied; only a leader does. `address` is that of the node it adds.
   * Unavailable elsewhere, with the leader's place in the error's metadata.
   */
  async changeMembership(
    changes: readonly ConfChangeSingle[],
    address: string = "",
    signal?: AbortSignal,
  ): Promise<void> {
    const { driver, requestIds } = this.#parts;
    if (this.role.role !== "leader") throw notLeader(this.leader);
    await this.#bounded(signal, (signal) =>
      within(
        driver.requests.changeMembership(requestIds.next(), changes, address),
        signal,
      ));
  }

  /** Resolves when the state on this node holds everything that was answered before the call. */
  read(options: Pick<RequestOptions, "signal"> = {}): Promise<number> {
    return this.#bounded(options.signal, async (signal) => {
      for (;;) {
        const { lead } = this.role;
        try {
          return await within(this.#parts.driver.requests.read(), signal);
        } catch (error) {
          await this.#beforeRepeat(error, lead, signal);
        }
      }
    });
  }

  /**
   * The events after `index`, then those to come, of those that are wanted; Aborted when the watcher
   * must start again.
   */
  watch(
    index: number,
    signal: AbortSignal,
    wanted?: (event: Event) => boolean,
  ): AsyncIterable<AppliedEvent<Event>> {
    return this.#parts.events.watch(index, signal, wanted);
  }

  /**
   * Hands the lead over; whether another node leads after at most `ms`. It is false earlier where an
   * heir that answers nobody has let a hand-over pass: during one nothing is decided.
   */
  async transferLeader(nodeId: number, ms: number): Promise<boolean> {
    const { driver, clock } = this.#parts;
    const untilMs = clock.monotonicMs() + ms;
    const never = new AbortController().signal;
    const { id } = this.status();
    let wasUnderWay = false;
    while ([0, id].includes(this.role.lead) && !driver.stopped) {
      if (clock.monotonicMs() >= untilMs) return false;
      const { leadTransferee, peers } = this.status();
      const isUnderWay = leadTransferee === nodeId;
      if (!isUnderWay) {
        const heir = peers.find((peer) => peer.id === nodeId);
        if (wasUnderWay && !heir?.recentActive) return false;
        // The heir may have missed it, or have had a membership change to apply first.
        driver.transferLeader(nodeId);
      }
      wasUnderWay = isUnderWay;
      await this.#roleChange(never);
    }
    return true;
  }

  /** The other voter that is best placed to lead: it answers, and is furthest. */
  heir(): number | undefined {
    const { id, peers } = this.status();
    const voters = peers.filter((peer) =>
      peer.id !== id && !peer.learner && peer.recentActive
    );
    return voters.sort((a, b) => b.match - a.match)[0]?.id;
  }

  /**
   * Resolves as soon as `holds`, which looks at who has answered; and at the latest when this node has
   * led for an election timeout, by which all who are there have. Until then a new leader knows of few.
   */
  async whenHeard(holds: () => boolean, signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#parts;
    const untilMs = this.#ledSinceMs + settings.electionTicks * settings.tickMs;
    while (
      this.role.role === "leader" && clock.monotonicMs() < untilMs && !holds()
    ) {
      await this.#roleChange(signal);
    }
  }

  /** Told by the driver. */
  roleChanged({ lead, role }: SoftState): void {
    if (role === "leader") this.#ledSinceMs = this.#parts.clock.monotonicMs();
    if (lead !== 0) this.#leaderlessSinceMs = Infinity;
    else if (this.#leaderlessSinceMs === Infinity) {
      this.#leaderlessSinceMs = this.#parts.clock.monotonicMs();
    }
    const waiters = this.#roleWaiters;
    this.#roleWaiters = [];
    for (const resolve of waiters) resolve();
    for (const onRole of this.#roleListeners) onRole();
  }

  /** Told by the driver. */
  applied(index: number): void {
    if (this.#appliedWaiters.length === 0) return;
    const waiting = this.#appliedWaiters;
    this.#appliedWaiters = [];
    for (const waiter of waiting) {
      if (waiter.index <= index) waiter.resolve();
      else this.#appliedWaiters.push(waiter);
    }
  }

  /** Told when the driver has stopped: nothing that is waited for will come from it any more. */
  stopped(): void {
    const waiting = [
      ...this.#roleWaiters,
      ...this.#appliedWaiters.map(({ resolve }) => resolve),
    ];
    this.#roleWaiters = [];
    this.#appliedWaiters = [];
    for (const resolve of waiting) resolve();
  }

  /** Runs `work` for as long as `lead` leads: a leader that hangs answers nobody, and is replaced. */
  async #underLead<T>(
    lead: number,
    work: (leader: Member | undefined, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    if (this.role.role === "leader") return await work(undefined, signal);
    const { leader } = this;
    if (leader === undefined) throw notLeader(undefined);
    const moved = new AbortController();
    const onRole = (): void => {
      const next = this.role.lead;
      if (next !== 0 && next !== lead) moved.abort(notLeader(this.leader));
    };
    this.#roleListeners.add(onRole);
    try {
      return await work(leader, AbortSignal.any([signal, moved.signal]));
    } catch (error) {
      throw moved.signal.aborted && !signal.aborted
        ? moved.signal.reason
        : error;
    } finally {
      this.#roleListeners.delete(onRole);
    }
  }

  /** Runs `work` under the caller's signal, or else under the default deadline. */
  async #bounded<T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (signal) return await work(signal);
    const deadline = new AbortController();
    const cancel = this.#parts.scheduler.after(callTimeoutMs, () => {
      deadline.abort(
        new ConveyorError(
          Code.DeadlineExceeded,
          `Cannot finish the request within ${callTimeoutMs} ms; whether it was applied is not known`,
        ),
      );
    });
    try {
      return await work(deadline.signal);
    } finally {
      cancel();
    }
  }

  /**
   * Waits until a repetition may succeed after a failure under `lead`. Throws what will not get
   * better by it.
   */
  async #beforeRepeat(
    error: unknown,
    lead: number,
    signal: AbortSignal,
  ): Promise<void> {
    const unavailable = error instanceof ConveyorError &&
      error.code === Code.Unavailable;
    if (!unavailable || signal.aborted || this.#parts.driver.stopped) {
      throw error;
    }
    const { settings, clock } = this.#parts;
    // A time-out lasts up to twice its least, and the first election may be split.
    const patienceMs = 4 * settings.electionTicks * settings.tickMs;
    if (clock.monotonicMs() - this.#leaderlessSinceMs > patienceMs) {
      throw noQuorum(error as ConveyorError);
    }
    if (this.role.lead !== 0 && this.role.lead !== lead) return;
    await this.#roleChange(signal);
  }

  /** Resolves when the role or the leader changes. */
  async roleChange(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#roleWaiters.push(resolve);
    try {
      await within(promise, signal);
    } finally {
      this.#roleWaiters = this.#roleWaiters.filter((each) => each !== resolve);
    }
  }

  /** The same, and after a heartbeat's time at the latest. */
  async #roleChange(signal: AbortSignal): Promise<void> {
    const { settings, scheduler } = this.#parts;
    const soon = new AbortController();
    const cancel = scheduler.after(
      settings.heartbeatTicks * settings.tickMs,
      () => soon.abort(),
    );
    try {
      await this.roleChange(AbortSignal.any([signal, soon.signal]));
    } catch (error) {
      if (signal.aborted) throw error;
    } finally {
      cancel();
    }
  }

  /** A node that has stopped shows nobody its state: what the leader has applied is all there is to know. */
  async #appliedUpTo(index: number, signal: AbortSignal): Promise<void> {
    if (this.appliedIndex >= index || this.#parts.driver.stopped) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#appliedWaiters.push({ index, resolve });
    await within(promise, signal);
  }
}

function noQuorum(cause: ConveyorError): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    "Cannot take the request: this node has heard of no leader for longer than an election takes; a majority of the nodes must run and reach each other",
    { cause },
  );
}

function tooLarge(bytes: number): ConveyorError {
  const description =
    `must be at most ${commandBytesMax} bytes, found ${bytes}`;
  // No time makes it smaller, so that it is not to be sent again.
  return new ConveyorError(
    Code.InvalidArgument,
    `Cannot propose the command: it ${description}`,
    { details: [{ field: "command", description }] },
  );
}
