import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
export const nativeFolder = 'hal/datapath/native';
export const testFolder = 'test/native';

/** The engine without its N-API edge. */
export function engineSources(): readonly string[] {
  return globSync(`${nativeFolder}/*.cc`, { cwd: root })
    .filter((path) => !basename(path).startsWith('addon'))
    .sort();
}

export interface Program {
  readonly name: string;
  readonly compiler: string;
  /** For compiling and linking. */
  readonly flags: readonly string[];
  readonly sources: readonly string[];
}

/** Builds the program into `build/native-tests`, what has changed only; returns its path. A warning is an error. */
export async function compile({ name, compiler, flags, sources }: Program): Promise<string> {
  const folder = join(root, 'build', 'native-tests', name);
  mkdirSync(folder, { recursive: true });
  const warnings = ['-Wall', '-Wextra', '-Wshadow', '-Werror'];
  const common = ['-std=c++20', '-O1', '-g1', '-pthread', ...flags];
  const units = sources.map((source) => ({
    source,
    object: join(folder, `${source.replaceAll('/', '-')}.o`),
  }));
  const stale = units.filter(({ object }) => isStale(object));
  const worker = async () => {
    for (let unit = stale.shift(); unit; unit = stale.shift()) {
      const include = ['-I', nativeFolder, '-I', testFolder];
      const files = ['-MMD', '-c', unit.source, '-o', unit.object];
      await run(compiler, [...common, ...warnings, ...include, ...files], { cwd: root });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const program = join(folder, 'program');
  await run(compiler, [...common, ...units.map(({ object }) => object), '-o', program], { cwd: root });
  return program;
}

/** The compiler writes beside an object what it was made from (-MMD). */
function isStale(object: string): boolean {
  const rule = object.replace(/o$/, 'd');
  if (!existsSync(object) || !existsSync(rule)) return true;
  const made = statSync(object).mtimeMs;
  const prerequisites = readFileSync(rule, 'utf8')
    .replace(/^[^:]*:/, '')
    .split(/[\s\\]+/)
    .filter(Boolean);
  return prerequisites.some((path) => {
    const file = path.startsWith('/') ? path : join(root, path);
    return !existsSync(file) || statSync(file).mtimeMs > made;
  });
}
