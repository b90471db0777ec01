/** 1,000 watchers of the services of a router, and how long a change takes to reach them. */
import type { RegistryClient } from "../../../clients/registry_client.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import {
  EventType,
  type HeartbeatRequest,
} from "../../../proto/messages/registry.ts";
import { Feed } from "../../fixtures/feed.ts";
import { connectedClients, connections } from "./clients.ts";

export const watchers = 1_000;
/** Between two changes, so that each is heard of by itself. */
const pauseMs = 200;
/** The service that changes. */
const serviceId = "sink";

export class Watchers implements AsyncDisposable {
  readonly #clients: readonly RegistryClient[];
  readonly #registrationId: string;
  readonly #beats = new Feed<MessageInit<HeartbeatRequest>>();
  readonly #answers: AsyncIterator<unknown>;
  readonly #leaving = new AbortController();
  #changes = 0;
  #heard = 0;
  #allHeard = Promise.withResolvers<void>();
  #hears: () => void = () => {};

  private constructor(
    clients: readonly RegistryClient[],
    registrationId: string,
  ) {
    this.#clients = clients;
    this.#registrationId = registrationId;
    this.#answers = clients[0]!.heartbeats(this.#beats)[Symbol.asyncIterator]();
    for (let at = 0; at < watchers; at++) {
      void this.#watch(clients[at % connections]!).catch(() => {});
    }
  }

  /** Resolves when all have been told of the service that is to change. */
  static async start(url: string): Promise<Watchers> {
    const clients = await connectedClients(url);
    const { registrationId } = await clients[0]!.register({
      identity: { serviceId, name: serviceId, serviceType: ServiceType.Sink },
      endpoint: { host: "10.0.0.1", port: 50_051 },
      heartbeatInterval: { seconds: 600n, nanos: 0 },
    });
    const all = new Watchers(clients, registrationId);
    await all.#allHeard.promise;
    return all;
  }

  /** Changes the service so often; how long after each change each watcher heard of it, in ms, ascending. */
  async delaysMs(changes: number): Promise<number[]> {
    const delays: number[] = [];
    for (let change = 0; change < changes; change++) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      this.#heard = 0;
      this.#allHeard = Promise.withResolvers();
      const beganMs = performance.now();
      this.#hears = () => delays.push(performance.now() - beganMs);
      const status = ++this.#changes % 2
        ? HealthStatus.Degraded
        : HealthStatus.Healthy;
      const registrationId = this.#registrationId;
      this.#beats.push({ serviceId, registrationId, health: { status } });
      await this.#answers.next();
      await this.#allHeard.promise;
    }
    return delays.sort((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort();
    this.#beats.end();
    for (const client of this.#clients) await client.close();
  }

  async #watch(client: RegistryClient): Promise<void> {
    const events = client.watchServices(
      { typeFilter: ServiceType.Sink },
      { signal: this.#leaving.signal },
    );
    for await (const { eventType } of events) {
      if (eventType === EventType.HealthChanged) this.#hears();
      if (++this.#heard === watchers) this.#allHeard.resolve();
    }
  }
}
