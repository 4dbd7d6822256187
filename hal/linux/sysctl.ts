import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '#base';

const ROOT = '/proc/sys';

/** The value of a kernel setting, `net/ipv4/ip_forward`; undefined when this kernel does not have it. */
export async function readSysctl(name: string): Promise<string | undefined> {
  try {
    return (await readFile(join(ROOT, name), 'utf8')).trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw refused(name, error);
  }
}

/**
 * Sets a kernel setting when it is not so already: writing some of them, `ip_forward` for one, resets others.
 * Returns the value it had; undefined when it was right, or when this kernel does not have the setting.
 */
export async function writeSysctl(name: string, value: string): Promise<string | undefined> {
  const before = await readSysctl(name);
  if (before === undefined || before === value) return undefined;
  try {
    await writeFile(join(ROOT, name), value);
  } catch (error) {
    throw refused(name, error);
  }
  return before;
}

const errnoOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

const refused = (name: string, cause: unknown): WeirError =>
  new WeirError('MISSING_RIGHTS', `cannot set ${ROOT}/${name}: ${errnoOf(cause)}`, {
    fields: { errno: errnoOf(cause) },
    advice: 'run as root, with /proc/sys writable',
    cause,
  });
