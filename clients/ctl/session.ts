/**
 * The routers that the operator means, and clients of them. The clients are loaded when the first is
 * needed, after the permissions are looked at: parts of them read the environment as they are loaded.
 */
import type { AdminClient } from "../admin_client.ts";
import type { BackupClient } from "../backup_client.ts";
import type { ConnectOptions } from "../channel_options.ts";
import type { CheckpointClient } from "../checkpoint_client.ts";
import type { ClusterClient } from "../cluster_client.ts";
import type { DeadLetterClient } from "../dead_letter_client.ts";
import type { RegistryClient } from "../registry_client.ts";
import { ConveyorError, invalidArgument } from "../../lib/errors.ts";
import { callTimeoutMs, operatorConnectTimeoutMs } from "../../lib/limits.ts";
import { needsOfAddress, permittedVariable } from "../../lib/permissions.ts";
import type { CallOptions } from "../transport.ts";
import type { Flag, Flags } from "./command.ts";
import { globalFlags, routerDefault } from "./global_flags.ts";
import { requirePermissions } from "./require_permissions.ts";

/** What the operator said of the routers. */
export class Session {
  readonly #flags: Flags;

  constructor(flags: Flags) {
    this.#flags = flags;
  }

  /** Addresses of the routers, each once: what each has of its own must not be told twice. */
  get routers(): readonly string[] {
    const text = this.#value("router") ?? routerDefault;
    const urls = text.split(",")
      .map((each) => each.trim()).filter((each) => each !== "")
      .map((each) => /:\/\/|^unix:/.test(each) ? each : `http://${each}`);
    if (urls.length > 0) return [...new Set(urls)];
    throw invalidArgument(this.#placeOf("router"), "must name a router", text);
  }

  /** Of a call that takes as long as records take: it waits for one router and is not sent to another. */
  get patient(): CallOptions {
    return { timeoutMs: this.#timeoutMs() ?? callTimeoutMs };
  }

  /** A client of `routers`: of all, or of one where each has something of its own to tell. */
  admin(routers = this.routers): Promise<AdminClient> {
    return this.#connected(async (options) => {
      const { AdminClient } = await import("../admin_client.ts");
      return await AdminClient.connect(routers, options);
    });
  }

  cluster(): Promise<ClusterClient> {
    return this.#connected(async (options) => {
      const { ClusterClient } = await import("../cluster_client.ts");
      return await ClusterClient.connect(this.routers, options);
    });
  }

  registry(): Promise<RegistryClient> {
    return this.#connected(async (options) => {
      const { RegistryClient } = await import("../registry_client.ts");
      return await RegistryClient.connect(this.routers, options);
    });
  }

  checkpoints(): Promise<CheckpointClient> {
    return this.#connected(async (options) => {
      const { CheckpointClient } = await import("../checkpoint_client.ts");
      return await CheckpointClient.connect(this.routers, options);
    });
  }

  /** A client of one router, as each keeps letters of its own. */
  letters(router: string): Promise<DeadLetterClient> {
    return this.#connected(async (options) => {
      const { DeadLetterClient } = await import("../dead_letter_client.ts");
      return await DeadLetterClient.connect(router, options);
    });
  }

  /** A client of the first router, as each keeps snapshots of its own. */
  backups(): Promise<BackupClient> {
    return this.#connected(async (options) => {
      const { BackupClient } = await import("../backup_client.ts");
      return await BackupClient.connect(this.routers[0]!, options);
    });
  }

  /** What is wrong with an option is told by the flag or the variable that it was given by. */
  async #connected<Client>(
    connect: (options: ConnectOptions) => Promise<Client>,
  ): Promise<Client> {
    try {
      return await connect(this.#options());
    } catch (error) {
      throw this.#inOperatorsWords(error);
    }
  }

  #inOperatorsWords(error: unknown): unknown {
    if (!(error instanceof ConveyorError)) return error;
    const option = error.details[0]?.field;
    const flags = globalFlags.filter(({ options }) =>
      option !== undefined && options?.includes(option)
    );
    const flag = flags.find(({ name }) => this.#value(name)) ?? flags[0];
    if (flag === undefined) return error;
    const place = this.#placeOf(flag.name);
    const message = error.message.replace(`"${option}"`, `"${place}"`);
    return new ConveyorError(error.code, message, { cause: error });
  }

  /** Where the value of a flag was given. */
  #placeOf(flag: string): string {
    const { name, variable } = globalFlag(flag);
    const isFlag = this.#flags.text(name) !== undefined;
    return isFlag ? `--${name}` : variable ?? name;
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
      connectTimeoutMs: timeoutMs ?? operatorConnectTimeoutMs,
    });
  }

  #timeoutMs(): number | undefined {
    const text = this.#value("timeout-ms");
    if (text === undefined) return undefined;
    if (/^\d+$/.test(text)) return Number(text);
    const place = this.#placeOf("timeout-ms");
    throw invalidArgument(place, "must be a number of ms", text);
  }

  /** A flag wins over its variable. */
  #value(name: string): string | undefined {
    const { variable } = globalFlag(name);
    return this.#flags.text(name) ??
      (variable && permittedVariable(variable) || undefined);
  }
}

function globalFlag(name: string): Flag {
  return globalFlags.find((flag) => flag.name === name)!;
}

/** `options` without those that are not set. */
function set<T extends object>(
  options: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
