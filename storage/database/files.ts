import { join } from 'node:path';

/** The store's files in the data folder. */
export interface StoreFiles {
  readonly folder: string;
  /** The database; beside it SQLite keeps `-wal` and `-shm`. */
  readonly database: string;
  /** Held by an open transaction for as long as the daemon lives; the kernel lets go when it dies. */
  readonly lock: string;
  readonly deviceKey: string;
  /** What must outlive the database: boot epoch, sequences given out. */
  readonly state: string;
  /** Given up when the disk is full. */
  readonly ballast: string;
}

export function storeFiles(folder: string): StoreFiles {
  return {
    folder,
    database: join(folder, 'weir.db'),
    lock: join(folder, 'weir.lock'),
    deviceKey: join(folder, 'device.key'),
    state: join(folder, 'weir.state'),
    ballast: join(folder, 'weir.ballast'),
  };
}
