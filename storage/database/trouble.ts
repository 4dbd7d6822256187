import { sqliteCode } from './sqlite.ts';

/** `full`: no room. `failed`: the disk or the file. Undefined: neither, a fault of ours. */
export type Trouble = 'full' | 'failed';

/** SHMSIZE: the index of the write-ahead log could not be given its size. */
const noRoom: ReadonlySet<string> = new Set(['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT']);

export function troubleOf(error: unknown): Trouble | undefined {
  const code = sqliteCode(error) ?? (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === undefined) return undefined;
  if (noRoom.has(code)) return 'full';
  const ours = /^SQLITE_(CONSTRAINT|MISMATCH|RANGE|MISUSE|ERROR)/.test(code);
  return code.startsWith('SQLITE_') || /^E[A-Z]+$/.test(code) ? (ours ? undefined : 'failed') : undefined;
}
