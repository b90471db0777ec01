/** Makes, fetches and brings back snapshots of what routers replicate. */
import { backupPieceBytes, backupTimeoutMs } from "../lib/limits.ts";
import { requiredString } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import {
  type BackupServiceMethods,
  CompressionType,
  type CreateSnapshotResponse,
  type DataChunk,
  type RestoreSnapshotResponse,
  type SnapshotInfo,
  type StateMetadata,
} from "../proto/messages/backup.ts";
import { Code, ConveyorError } from "../lib/errors.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { onlyItem } from "./only_item.ts";
import { RouterChannel } from "./router_channel.ts";
import type { CallOptions, Transport } from "./transport.ts";

const { methods }: Service<BackupServiceMethods> = serviceOf(
  "conveyor.backup.BackupService",
);

/** How a snapshot is fetched. */
export interface DownloadOptions extends CallOptions {
  /** How its bytes are compressed. `upload` takes them in any form. @default not at all */
  readonly compression?: CompressionType;
}

/**
 * A client of a router's backups. A snapshot is kept by the router that made it or took it, so connect
 * to one router and not to several where more than one call is about the same snapshot. One that is
 * restored is in place on every router of the cluster.
 *
 * Every method rejects with a `ConveyorError`: `NotFound` for a snapshot that the router does not keep,
 * `AlreadyExists` for a name in use, `ResourceExhausted` when it keeps too many, `DataLoss` for bytes
 * that are damaged or cut short, `FailedPrecondition` for those of a newer version, and `Unimplemented`
 * for a compression that the router does not have.
 *
 * @example Move what one cluster knows to another
 * ```ts
 * import { BackupClient } from "@conveyor/grpc";
 *
 * async function move(from: string, to: string): Promise<string> {
 *   await using source = await BackupClient.connect(from);
 *   await using target = await BackupClient.connect(to);
 *   const { snapshotId } = await source.create();
 *   const uploaded = await target.upload(source.download(snapshotId));
 *   const { message } = await target.restore(uploaded);
 *   return message;
 * }
 * ```
 */
export class BackupClient implements AsyncDisposable {
  readonly #transport: Transport;

  /** A client over a connection that exists already; `connect` makes one. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Connects to a router, or to the first of several that answers. */
  static async connect(
    routers: string | readonly string[],
    options?: ConnectOptions,
  ): Promise<BackupClient> {
    return new BackupClient(await RouterChannel.connect(routers, options));
  }

  /** Makes a snapshot of the state as it is now; the router names it when no name is given. */
  async create(
    snapshotId = "",
    options?: CallOptions,
  ): Promise<CreateSnapshotResponse> {
    const { message } = await this.#transport.unary(
      methods.createSnapshot,
      { snapshotId },
      { timeoutMs: backupTimeoutMs, ...options },
    );
    return message;
  }

  /** The bytes of a snapshot, as `upload` takes them. */
  async *download(
    snapshotId: string,
    options: DownloadOptions = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    const { compression = CompressionType.None, ...call } = options;
    const request = {
      snapshotId: requiredString("snapshotId", snapshotId),
      compression,
    };
    let at = 0n;
    let ended = false;
    for await (
      const { data, offset, isLast } of this.#transport.stream(
        methods.streamSnapshot,
        onlyItem(request),
        call,
      )
    ) {
      if (offset !== at) throw cutShort(snapshotId);
      at += BigInt(data.length);
      ended = isLast;
      if (data.length > 0) yield data;
    }
    if (!ended) throw cutShort(snapshotId);
  }

  /** Has a router keep a snapshot; resolves with the name that it gave it. Restores nothing. */
  async upload(
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: CallOptions,
  ): Promise<string> {
    const answers = this.#transport.stream(
      methods.uploadSnapshot,
      chunksOf(bytes),
      options,
    );
    for await (const { snapshotId } of answers) return snapshotId;
    throw new ConveyorError(
      Code.Unavailable,
      "Cannot upload the snapshot: the router ended the call without an answer",
    );
  }

  /** The snapshots that the router keeps, oldest first. */
  async list(options?: CallOptions): Promise<readonly SnapshotInfo[]> {
    const { message } = await this.#transport.unary(
      methods.listSnapshots,
      {},
      options,
    );
    return message.snapshots;
  }

  /** Removes a snapshot; whether there was one of that name. */
  async delete(snapshotId: string, options?: CallOptions): Promise<boolean> {
    const { message } = await this.#transport.unary(
      methods.deleteSnapshot,
      { snapshotId: requiredString("snapshotId", snapshotId) },
      options,
    );
    return message.success;
  }

  /** Checks a snapshot as `restore` would, and changes nothing. */
  validate(
    snapshotId: string,
    options?: CallOptions,
  ): Promise<RestoreSnapshotResponse> {
    return this.#restore(snapshotId, true, options);
  }

  /** Puts a snapshot in place of the state of the whole cluster. */
  restore(
    snapshotId: string,
    options?: CallOptions,
  ): Promise<RestoreSnapshotResponse> {
    return this.#restore(snapshotId, false, options);
  }

  /** What the state holds now. */
  async stateMetadata(options?: CallOptions): Promise<StateMetadata> {
    const { message } = await this.#transport.unary(
      methods.getStateMetadata,
      {},
      options,
    );
    return message;
  }

  /** Ends the connection. Idempotent. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #restore(
    snapshotId: string,
    validateOnly: boolean,
    options?: CallOptions,
  ): Promise<RestoreSnapshotResponse> {
    const { message } = await this.#transport.unary(
      methods.restoreSnapshot,
      { snapshotId: requiredString("snapshotId", snapshotId), validateOnly },
      // Repeated unasked it would undo what has changed since.
      { timeoutMs: backupTimeoutMs, retry: { maxAttempts: 1 }, ...options },
    );
    if (message.success) return message;
    throw new ConveyorError(Code.FailedPrecondition, message.message);
  }
}

/** `bytes` as chunks, of which the last says that it is. */
async function* chunksOf(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<MessageInit<DataChunk>, void, void> {
  let offset = 0n;
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length; at += backupPieceBytes) {
      const data = piece.subarray(at, at + backupPieceBytes);
      yield { data, offset, isLast: false };
      offset += BigInt(data.length);
    }
  }
  yield { data: new Uint8Array(0), offset, isLast: true };
}

function cutShort(snapshotId: string): ConveyorError {
  return new ConveyorError(
    Code.DataLoss,
    `Cannot download snapshot "${snapshotId}": chunks of it are missing`,
  );
}
