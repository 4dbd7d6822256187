import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WeirError } from '#base';

const sources = join(import.meta.dirname, '..', 'native');
const build = join(sources, 'build');

/** Compiles one of the bench's C programs, unless that is done already, and gives its path. */
export async function buildProgram(
  name: 'receiver' | 'fanout' | 'fanout-tcp' | 'nic-clock',
): Promise<string> {
  const output = join(build, name);
  const source = join(sources, `${name}.c`);
  const headers = (await readdir(sources))
    .filter((file) => file.endsWith('.h'))
    .map((file) => join(sources, file));
  const changed = await Promise.all([source, ...headers].map(changedAtMs));
  if (Math.max(...changed) < (await changedAtMs(output))) return output;
  await mkdir(build, { recursive: true });
  // Put in place when it is whole, in case two benchmarks build at once.
  const draft = `${output}.${process.pid}`;
  try {
    await promisify(execFile)('cc', ['-O2', '-Wall', '-Wextra', '-o', draft, source]);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw missing
      ? new WeirError('MISSING_PROGRAM', 'the program cc is missing', {
          advice: 'apt-get install gcc libc6-dev',
          cause,
        })
      : new WeirError('COMMAND_FAILED', `cannot compile ${name}.c`, { cause });
  }
  await rename(draft, output);
  return output;
}

/** 0 when it does not exist. */
const changedAtMs = (path: string): Promise<number> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
