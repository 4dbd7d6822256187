import { sqliteCode } from './sqlite.ts';

/** `full`: no room. `failed`: the disk or the file. Undefined: neither, a fault of ours. */
export type Trouble = 'full' | 'failed';

export function troubleOf(error: unknown): Trouble | undefined {
  const code = sqliteCode(error) ?? (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === undefined) return undefined;
  if (['SQLITE_FULL', 'ENOSPC', 'EDQUOT'].includes(code)) return 'full';
  const ours = /^SQLITE_(CONSTRAINT|MISMATCH|RANGE|MISUSE|ERROR)/.test(code);
  return code.startsWith('SQLITE_') || /^E[A-Z]+$/.test(code) ? (ours ? undefined : 'failed') : undefined;
}
