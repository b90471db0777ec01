/**
 * BackupService: snapshots of the replicated state, kept by the node that was asked. A snapshot shows
 * one moment, though it is written while others change the state. One that is brought back goes
 * through the log, so that every node has it; it is read through before, so that a damaged or newer
 * one changes nothing.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type {
  BackupServiceMethods,
  CreateSnapshotResponse,
  DataChunk,
  RestoreSnapshotResponse,
  StateMetadata,
  StreamSnapshotRequest,
} from "../../proto/messages/backup.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { BackupCheck, type CheckedBackup } from "../backup/backup_check.ts";
import { BackupReader, encodeHead } from "../backup/backup_format.ts";
import type { BackupInfo, BackupStore } from "../backup/backup_store.ts";
import { compressed, decompressed } from "../backup/compression.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { Code, ConveyorError } from "../errors.ts";
import { backupPieceBytes } from "../limits.ts";
import { log } from "../log.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { snapshotVersion } from "../state/snapshot_writer.ts";
import { nameFrom, requestIdOf } from "./request_id.ts";
import { sendParts } from "./restore_parts.ts";

/** BackupService, for the server to serve. */
export const backupService: Service<BackupServiceMethods> = serviceOf(
  "conveyor.backup.BackupService",
);

type BackupHandlers = Required<Handlers<BackupServiceMethods>>;

/** The handlers of a node. */
export class BackupHandler implements BackupHandlers {
  readonly #replicated: ReplicatedState;
  readonly #store: BackupStore;
  readonly #caughtUp: () => Promise<void>;
  readonly #clock: Clock;

  /** `caughtUp` resolves when this node runs every pipeline that is enabled. */
  constructor(
    replicated: ReplicatedState,
    store: BackupStore,
    caughtUp: () => Promise<void> = () => Promise.resolve(),
    clock: Clock = systemClock,
  ) {
    this.#replicated = replicated;
    this.#store = store;
    this.#caughtUp = caughtUp;
    this.#clock = clock;
  }

  createSnapshot: BackupHandlers["createSnapshot"] = async (
    { snapshotId },
    context,
  ) => {
    const { signal } = context;
    const ownName = nameFrom(requestIdOf(context));
    // A request that is repeated finds what came of it: nothing else has that name.
    const made = snapshotId === ""
      ? (await this.#store.list()).find(({ id }) => id === ownName)
      : undefined;
    if (made) return createdOf(made);
    const state = await this.#replicated.upToDate(signal);
    // Taken in one go: the snapshot shows the moment of the head.
    const { appliedIndex: commitIndex } = this.#replicated.metadata;
    const { term } = this.#replicated.metadata.status();
    const { services, pipelines } = state.counts();
    const createdAtMs = this.#clock.nowMs();
    const head = { commitIndex, term, createdAtMs, services, pipelines };
    const bytes = drawn(encodeHead(head), state.snapshot(), signal);
    return createdOf(await this.#store.save(snapshotId || ownName, bytes));
  };

  async *streamSnapshot(
    { snapshotId, compression }: StreamSnapshotRequest,
  ): AsyncGenerator<MessageInit<DataChunk>, void, void> {
    requiredString("snapshot_id", snapshotId);
    let data: Uint8Array | undefined;
    let offset = 0n;
    for await (
      const next of compressed(this.#store.read(snapshotId), compression)
    ) {
      if (data) {
        yield { data, offset, isLast: false };
        offset += BigInt(data.length);
      }
      data = next;
    }
    yield { data: data ?? new Uint8Array(0), offset, isLast: true };
  }

  async uploadSnapshot(
    chunks: AsyncIterable<DataChunk>,
    context: CallContext,
  ): Promise<{ success: true; snapshotId: string }> {
    const snapshotId = nameFrom(requestIdOf(context));
    const bytes = decompressed(dataOf(chunks));
    await this.#store.save(snapshotId, new BackupCheck().watch(bytes));
    return { success: true, snapshotId };
  }

  listSnapshots: BackupHandlers["listSnapshots"] = async () => ({
    snapshots: (await this.#store.list()).map((info) => ({
      snapshotId: info.id,
      sizeBytes: BigInt(info.sizeBytes),
      commitIndex: BigInt(info.commitIndex),
      term: BigInt(info.term),
      createdAt: secondsOf(info.createdAtMs),
    })),
  });

  deleteSnapshot: BackupHandlers["deleteSnapshot"] = async (
    { snapshotId },
  ) => {
    requiredString("snapshot_id", snapshotId);
    return { success: await this.#store.delete(snapshotId) };
  };

  getStateMetadata: BackupHandlers["getStateMetadata"] = async (
    _request,
    { signal },
  ) => {
    const state = await this.#replicated.upToDate(signal);
    const { metadata } = this.#replicated;
    const { services, pipelines } = state.counts();
    return {
      commitIndex: BigInt(metadata.appliedIndex),
      term: BigInt(metadata.status().term),
      serviceCount: services,
      pipelineCount: pipelines,
      version: `${snapshotVersion}`,
    };
  };

  restoreSnapshot: BackupHandlers["restoreSnapshot"] = async (
    { snapshotId, validateOnly },
    { signal },
  ) => {
    requiredString("snapshot_id", snapshotId);
    let checked: CheckedBackup;
    try {
      checked = await this.#check(snapshotId, signal);
      if (!validateOnly) {
        await this.#restore(snapshotId, signal);
        await this.#caughtUp();
      }
    } catch (error) {
      return { success: false, message: domainRefusal(error) };
    }
    const { services, pipelines } = checked;
    const what = `${services} services and ${pipelines} pipelines`;
    return {
      success: true,
      message: validateOnly
        ? `Snapshot "${snapshotId}" can be restored: it has ${what}`
        : `Restored snapshot "${snapshotId}" with ${what}`,
      state: metadataOf(checked),
    } satisfies MessageInit<RestoreSnapshotResponse>;
  };

  async #check(id: string, signal: AbortSignal): Promise<CheckedBackup> {
    const check = new BackupCheck();
    for await (const piece of this.#store.read(id)) {
      signal.throwIfAborted();
      check.push(piece);
    }
    return check.finish();
  }

  /** Brings the snapshot through the log, part by part; what does not end is given up. */
  async #restore(id: string, signal: AbortSignal): Promise<void> {
    const replicated = this.#replicated;
    const action = `restore snapshot "${id}"`;
    const restoreId = crypto.randomUUID();
    await replicated.change(action, { beginRestore: { restoreId } }, signal);
    try {
      const parts = await sendParts(
        stateIn(this.#store.read(id)),
        (part, data) =>
          replicated.change(
            action,
            { restorePart: { restoreId, part, data } },
            signal,
          ),
      );
      const finishRestore = { restoreId, parts };
      await replicated.change(action, { finishRestore }, signal);
      log.info("Restored the state from a snapshot", { id });
    } catch (error) {
      replicated.change(action, { cancelRestore: { restoreId } })
        .catch(() => {});
      throw error;
    }
  }
}

/** The bytes of the state in those of a backup. */
async function* stateIn(
  backup: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = new BackupReader();
  for await (const piece of backup) {
    const data = reader.push(piece);
    if (data.length > 0) yield data;
  }
}

/** The head, then the snapshot, chunk by chunk as it is taken. */
async function* drawn(
  head: Uint8Array,
  snapshot: Iterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  yield head;
  for (const chunk of snapshot) {
    signal.throwIfAborted();
    // Making a chunk takes some milliseconds: others get their turn in between.
    await new Promise<void>((resolve) => setImmediate(resolve));
    yield chunk;
  }
}

/** The bytes of an upload. DataLoss when chunks are missing, out of order, or the last one is. */
async function* dataOf(
  chunks: AsyncIterable<DataChunk>,
): AsyncGenerator<Uint8Array, void, void> {
  let at = 0n;
  let ended = false;
  for await (const { data, offset, isLast } of chunks) {
    if (ended) throw brokenUpload("there is more after its last chunk");
    if (offset !== at) {
      throw brokenUpload(`a chunk begins at ${offset}, and must at ${at}`);
    }
    at += BigInt(data.length);
    ended = isLast;
    for (let from = 0; from < data.length; from += backupPieceBytes) {
      yield data.subarray(from, from + backupPieceBytes);
    }
  }
  if (!ended) throw brokenUpload("its last chunk did not come");
}

function brokenUpload(reason: string): ConveyorError {
  return new ConveyorError(
    Code.DataLoss,
    `Cannot take the snapshot: ${reason}`,
  );
}

function createdOf(info: BackupInfo): MessageInit<CreateSnapshotResponse> {
  return {
    snapshotId: info.id,
    sizeBytes: BigInt(info.sizeBytes),
    commitIndex: BigInt(info.commitIndex),
    term: BigInt(info.term),
    timestamp: secondsOf(info.createdAtMs),
  };
}

function metadataOf(
  { head, services, pipelines }: CheckedBackup,
): MessageInit<StateMetadata> {
  return {
    commitIndex: BigInt(head.commitIndex),
    term: BigInt(head.term),
    serviceCount: services,
    pipelineCount: pipelines,
    version: `${snapshotVersion}`,
  };
}

/** What is wrong with a snapshot is told in the body; anything else is thrown on. */
function domainRefusal(error: unknown): string {
  const refused = error instanceof ConveyorError &&
    (error.code === Code.DataLoss || error.code === Code.FailedPrecondition);
  if (!refused) throw error;
  return error.message;
}

function secondsOf(ms: number): bigint {
  return BigInt(Math.floor(ms / 1_000));
}
