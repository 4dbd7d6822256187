import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from './durable-file.ts';
import type { StoreFiles } from './files.ts';

/** A finished replacement: `weir-new-<stamp>.db`. That it has this name is what says it is complete. */
const replacement = /^weir-new-(.+)\.db$/;
const damagedName = /^weir-damaged-.+\.db$/;

/** Puts `finished` in the place of the damaged database, which is kept as `weir-damaged-<stamp>.db`. */
export function replaceDamaged(files: StoreFiles, finished: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  let stamp = time;
  for (let again = 2; existsSync(asideName(files, stamp)); again += 1) stamp = `${time}-${again}`;
  renameSync(finished, join(files.folder, `weir-new-${stamp}.db`));
  syncFolder(files.folder);
  finishReplacing(files);
  return asideName(files, stamp);
}

/**
 * Goes on with a replacement that a power cut interrupted. Each step may find itself done already; the last makes it
 * impossible to begin anew.
 */
export function finishReplacing(files: StoreFiles): void {
  for (const name of readdirSync(files.folder)) {
    const stamp = replacement.exec(name)?.[1];
    if (stamp === undefined) continue;
    const aside = asideName(files, stamp);
    for (const suffix of ['-journal', '-wal', '']) {
      if (existsSync(files.database + suffix)) renameSync(files.database + suffix, aside + suffix);
    }
    rmSync(`${files.database}-shm`, { force: true });
    syncFolder(files.folder);
    renameSync(join(files.folder, name), files.database);
    syncFolder(files.folder);
  }
}

/** Databases set aside and not yet taken away. */
export const damagedDatabases = (files: StoreFiles): readonly string[] =>
  readdirSync(files.folder).filter((name) => damagedName.test(name));

const asideName = (files: StoreFiles, stamp: string): string =>
  join(files.folder, `weir-damaged-${stamp}.db`);
