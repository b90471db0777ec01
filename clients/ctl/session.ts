/**
 * The routers that the operator means, and clients of them. The clients are loaded when the first is
 * needed, after the permissions are looked at: parts of them read the environment as they are loaded.
 */
import type { AdminClient } from "../admin_client.ts";
import type { ConnectOptions } from "../channel_options.ts";
import type { CheckpointClient } from "../checkpoint_client.ts";
import type { ClusterClient } from "../cluster_client.ts";
import type { DeadLetterClient } from "../dead_letter_client.ts";
import type { RegistryClient } from "../registry_client.ts";
import { invalidArgument } from "../../lib/errors.ts";
import { callTimeoutMs } from "../../lib/limits.ts";
import { needsOfAddress, permittedVariable } from "../../lib/permissions.ts";
import type { CallOptions } from "../transport.ts";
import type { Flags } from "./command.ts";
import { globalFlags, routerDefault } from "./global_flags.ts";
import { requirePermissions } from "./require_permissions.ts";

/** What the operator said of the routers. */
export class Session {
  readonly #flags: Flags;

  constructor(flags: Flags) {
    this.#flags = flags;
  }

  /** Addresses of the routers. */
  get routers(): readonly string[] {
    return (this.#value("router") ?? routerDefault).split(",")
      .map((each) => each.trim()).filter((each) => each !== "")
      .map((each) => /:\/\/|^unix:/.test(each) ? each : `http://${each}`);
  }

  /** Of a call that takes as long as records take: it waits for one router and is not sent to another. */
  get patient(): CallOptions {
    return { timeoutMs: this.#timeoutMs() ?? callTimeoutMs };
  }

  async admin(): Promise<AdminClient> {
    const options = this.#options();
    const { AdminClient } = await import("../admin_client.ts");
    return await AdminClient.connect(this.routers, options);
  }

  async cluster(): Promise<ClusterClient> {
    const options = this.#options();
    const { ClusterClient } = await import("../cluster_client.ts");
    return await ClusterClient.connect(this.routers, options);
  }

  async registry(): Promise<RegistryClient> {
    const options = this.#options();
    const { RegistryClient } = await import("../registry_client.ts");
    return await RegistryClient.connect(this.routers, options);
  }

  async checkpoints(): Promise<CheckpointClient> {
    const options = this.#options();
    const { CheckpointClient } = await import("../checkpoint_client.ts");
    return await CheckpointClient.connect(this.routers, options);
  }

  /** A client of one router, as each keeps letters of its own. */
  async letters(router: string): Promise<DeadLetterClient> {
    const options = this.#options();
    const { DeadLetterClient } = await import("../dead_letter_client.ts");
    return await DeadLetterClient.connect(router, options);
  }

  /** How the routers are reached. PermissionDenied names what the process is not permitted. */
  #options(): ConnectOptions {
    const caFile = this.#value("tls-ca");
    const certFile = this.#value("tls-cert");
    const keyFile = this.#value("tls-key");
    const serverName = this.#value("tls-server-name");
    const files = [caFile, certFile, keyFile].filter((each) =>
      each !== undefined
    );
    requirePermissions(...this.routers.map(needsOfAddress), { read: files });
    const tls = set({ caFile, certFile, keyFile, serverName });
    const timeoutMs = this.#timeoutMs();
    return set({
      tls: Object.keys(tls).length > 0 ? tls : undefined,
      bearerToken: this.#value("bearer-token"),
      timeoutMs,
      connectTimeoutMs: timeoutMs,
    });
  }

  #timeoutMs(): number | undefined {
    const text = this.#value("timeout-ms");
    if (text === undefined) return undefined;
    if (/^\d+$/.test(text)) return Number(text);
    throw invalidArgument("--timeout-ms", "must be a number of ms", text);
  }

  /** A flag wins over its variable. */
  #value(name: string): string | undefined {
    const { variable } = globalFlags.find((flag) => flag.name === name)!;
    return this.#flags.text(name) ??
      (variable && permittedVariable(variable) || undefined);
  }
}

/** `options` without those that are not set. */
function set<T extends object>(
  options: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
