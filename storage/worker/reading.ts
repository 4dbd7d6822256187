import { existsSync, statSync } from 'node:fs';
import { describeError, WeirError } from '#base';
import { DeliveryTable } from '../database/delivery-table.ts';
import { EntryTable } from '../database/entry-table.ts';
import { storeFiles } from '../database/files.ts';
import { deviceOf } from '../database/inspection.ts';
import { checkVersion, schemaVersion } from '../database/migrations.ts';
import { type Reads, readsOn } from '../database/reads.ts';
import { type Database, openForReading } from '../database/sqlite.ts';
import type { DeviceIdentity } from '../face.ts';

/** A data folder that is only read. */
export interface Reading {
  readonly device: DeviceIdentity;
  readonly reads: Reads;
  close(): void;
}

/** A reader changes nothing: it cannot undo what was interrupted while the database was made. */
function assertMade(database: string): void {
  const size = statSync(database, { throwIfNoEntry: false })?.size;
  const fields = { database };
  if (size === undefined) {
    const advice = 'name the data folder with --data';
    throw new WeirError('STORAGE_FAILED', 'there are no records in this folder', { fields, advice });
  }
  if (size > 0 && !existsSync(`${database}-journal`)) return;
  throw new WeirError(
    'STORAGE_FAILED',
    'the first start on this folder was cut off before there was a record',
    {
      fields,
      advice: 'start Weir once on it',
    },
  );
}

export function openReading(folder: string): Reading {
  const { database } = storeFiles(folder);
  let db: Database | undefined;
  try {
    assertMade(database);
    db = openForReading(database);
    const device = deviceOf(database);
    if (device === undefined || checkVersion(db) !== schemaVersion) {
      throw new WeirError('STORAGE_FAILED', 'these records are of another version of Weir', {
        fields: { folder },
        advice: 'start this version once on the folder, or use the one that wrote it',
      });
    }
    const tables = { entries: new EntryTable(db), deliveries: new DeliveryTable(db) };
    const opened = db;
    return { device, reads: readsOn(tables), close: () => opened.close() };
  } catch (error) {
    db?.close();
    if (error instanceof WeirError) throw error;
    throw new WeirError('STORAGE_FAILED', `there are no records that can be read: ${describeError(error)}`, {
      fields: { folder },
      advice: 'name the data folder with --data',
      cause: error,
    });
  }
}
