import { mkdir } from 'node:fs/promises';
import { describeError, WeirError } from '#base';

/** The path is wrong, and not the disk. */
const mistakes: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);

/**
 * Makes the data folder, but not its parents: a mistyped path shall not grow a tree. A disk on which it cannot be made is
 * said by whatever is to be written there.
 */
export async function makeDataFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    if (!mistakes.has((cause as NodeJS.ErrnoException).code ?? '')) return;
    throw new WeirError('SOCKET_FAILED', `cannot make the data folder ${path}: ${describeError(cause)}`, {
      cause,
      advice: 'name a folder that can be written with --data',
    });
  }
}
