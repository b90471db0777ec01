/**
 * Where a node keeps backups. One is kept whole or not at all, and never changed; who reads it while
 * it is deleted reads it to its end. They belong to the node: another one takes a backup by an upload.
 */

/** What is known of a backup without reading it through. */
export interface BackupInfo {
  /** Its name. */
  readonly id: string;
  /** Its size, uncompressed. */
  readonly sizeBytes: number;
  /** Index of the last log entry in it. */
  readonly commitIndex: number;
  /** Raft term of that entry. */
  readonly term: number;
  /** When it was made, ms since 1970. */
  readonly createdAtMs: number;
}

/** The backups of a node. */
export interface BackupStore {
  /**
   * Keeps the backup in `bytes`. AlreadyExists when the name is in use, ResourceExhausted when there
   * are too many or it is too large; what `bytes` throws is what this rejects with, and nothing of it
   * is kept.
   */
  save(id: string, bytes: AsyncIterable<Uint8Array>): Promise<BackupInfo>;
  /** All backups, oldest first. */
  list(): Promise<readonly BackupInfo[]>;
  /** The bytes of a backup; NotFound when there is none of that name. */
  read(id: string): AsyncIterable<Uint8Array>;
  /** Removes a backup; whether there was one. */
  delete(id: string): Promise<boolean>;
}
