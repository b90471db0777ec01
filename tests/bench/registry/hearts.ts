/** 10,000 services that send heartbeats to a server, each on a stream of its own, evenly spread over time. */
import type { RegistryClient } from "../../../clients/registry_client.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import type { HeartbeatRequest } from "../../../proto/messages/registry.ts";
import { Feed } from "../../fixtures/feed.ts";
import { cpuMsOf } from "../process_usage.ts";
import { connectedClients, connections } from "./clients.ts";

export const services = 10_000;
const intervalMs = 5_000;
const tickMs = 50;
const health = { status: HealthStatus.Healthy };

type Requests = Feed<MessageInit<HeartbeatRequest>>;

/** A service with the stream that its heartbeats go by. */
interface Heart {
  readonly beat: MessageInit<HeartbeatRequest>;
  readonly stream: Requests;
}

/** What they cost in some time. */
export interface HeartbeatCost {
  /** Of a core. */
  readonly share: number;
  /** Answered in a second. */
  readonly rate: number;
  /** Of the processor, for one. */
  readonly us: number;
}

export class Hearts implements AsyncDisposable {
  readonly #clients: readonly RegistryClient[];
  readonly #beating: ReturnType<typeof setInterval>;
  readonly #hearts: Heart[] = [];
  #answered = 0;
  /** Streams that ended too early. */
  #lost = 0;
  /** Heartbeats that were not acknowledged. */
  refused = 0;

  private constructor(clients: readonly RegistryClient[]) {
    this.#clients = clients;
    const began = performance.now();
    let sent = 0;
    this.#beating = setInterval(() => {
      const due = (performance.now() - began) * services / intervalMs;
      for (; sent < due; sent++) {
        const heart = this.#hearts[sent % services];
        heart?.stream.push(heart.beat);
      }
    }, tickMs);
  }

  /** Begins; resolves when all are registered and send. A server without a register is given none. */
  static async start(
    url: string,
    { register = true }: { readonly register?: boolean } = {},
  ): Promise<Hearts> {
    const clients = await connectedClients(url);
    const hearts = new Hearts(clients);
    for (let from = 0; from < services; from += 500) {
      await Promise.all(
        Array.from(
          { length: 500 },
          (_, at) => hearts.#enter(from + at, register),
        ),
      );
      // A turn for others in this process: a server closes connections that leave its pings unanswered.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return hearts;
  }

  /** What the server with that process id spends on them; rejects when some of them no longer send. */
  async cost(pid: number, ms: number): Promise<HeartbeatCost> {
    const [began, cpuMs] = [performance.now(), cpuMsOf(pid)];
    this.#answered = 0;
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (this.#lost > 0) throw new Error(`${this.#lost} streams have ended`);
    const tookMs = performance.now() - began;
    const usedMs = cpuMsOf(pid) - cpuMs;
    return {
      share: usedMs / tookMs,
      rate: this.#answered / tookMs * 1_000,
      us: usedMs * 1_000 / this.#answered,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beating);
    for (const { stream } of this.#hearts) stream.end();
    for (const client of this.#clients) await client.close();
  }

  async #enter(at: number, register: boolean): Promise<void> {
    const serviceId = `service-${at}`;
    const answer = register
      ? await this.#clients[at % connections]!.register({
        identity: {
          serviceId,
          name: "enrich",
          serviceType: ServiceType.Transform,
        },
        endpoint: { host: "10.0.0.1", port: 50_051 },
        heartbeatInterval: { seconds: BigInt(intervalMs / 1_000), nanos: 0 },
      })
      : { registrationId: crypto.randomUUID() };
    this.#hearts[at] = {
      beat: { serviceId, registrationId: answer.registrationId, health },
      stream: this.#open(this.#clients[at % connections]!),
    };
  }

  #open(client: RegistryClient): Requests {
    const requests: Requests = new Feed();
    (async () => {
      for await (const { acknowledged } of client.heartbeats(requests)) {
        this.#answered++;
        if (!acknowledged) this.refused++;
      }
    })().catch(() => {}).finally(() => this.#lost++);
    return requests;
  }
}
