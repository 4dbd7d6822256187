import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { WeirError } from '#base';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

/** A shared object that Node loads, and what it is made of. */
export interface Addon {
  readonly name: string;
  /** What compiles and links it. */
  readonly compiler: 'cc' | 'c++';
  readonly flags: readonly string[];
  /** Folder of all its sources and headers. */
  readonly sources: string;
  readonly extension: '.c' | '.cc';
  /** Where whoever loads it looks for it. */
  readonly output: string;
}

/** What a binding.gyp of `{ target_name, sources }` comes to: these packages ask for nothing more. */
const packaged = (name: string, target: string): Addon => ({
  name,
  compiler: 'cc',
  flags: ['-O2', `-DNODE_GYP_MODULE_NAME=${target}`, '-D_FILE_OFFSET_BITS=64'],
  sources: join(root, 'node_modules', name, 'native'),
  extension: '.c',
  output: join(root, 'node_modules', name, 'build', 'Release', `${target}.node`),
});

export const addons: readonly Addon[] = [
  packaged('syscall-napi', 'syscall'),
  packaged('buffer2address', 'buffer2address'),
  {
    name: 'weir-datapath',
    compiler: 'c++',
    flags: ['-std=c++20', '-DNAPI_VERSION=10', '-O2', '-g', '-Wall', '-Wextra', '-fvisibility=hidden'],
    sources: join(root, 'hal', 'datapath', 'native'),
    extension: '.cc',
    output: join(root, 'hal', 'datapath', 'build', 'weir-datapath.node'),
  },
];

/** True when the output is absent or was made from something else than what is there now. */
export function isStale(addon: Addon): boolean {
  const stamp = stampOf(addon);
  if (!existsSync(addon.output) || !existsSync(stamp)) return true;
  return readFileSync(stamp, 'utf8') !== fingerprint(addon);
}

/** Compiles and links `addon`. The old output stays in place, whole, until the new one replaces it. */
export async function buildAddon(addon: Addon): Promise<void> {
  const made = fingerprint(addon);
  const folder = dirname(addon.output);
  const objects = join(folder, `objects-${addon.name}`);
  mkdirSync(objects, { recursive: true });
  try {
    const waiting = sourcesOf(addon).filter((file) => file.endsWith(addon.extension));
    const objectOf = (file: string) => join(objects, `${basename(file)}.o`);
    const linked = waiting.map(objectOf);
    const compile = async () => {
      for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
        const include = `-I${nodeHeaders()}`;
        await invoke(addon, [...addon.flags, '-fPIC', '-pthread', include, '-c', file, '-o', objectOf(file)]);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, compile));
    const output = join(objects, basename(addon.output));
    await invoke(addon, ['-shared', '-pthread', '-o', output, ...linked]);
    renameSync(output, addon.output);
    writeFileSync(stampOf(addon), made);
  } finally {
    rmSync(objects, { recursive: true, force: true });
  }
}

async function invoke(addon: Addon, args: readonly string[]): Promise<void> {
  try {
    await run(addon.compiler, args, { maxBuffer: 64 * 1024 * 1024 });
  } catch (cause) {
    const said = String((cause as { stderr?: unknown }).stderr ?? '');
    const line = said.split('\n').find((text) => /\b(error|undefined reference)\b/.test(text));
    throw new WeirError(
      'DATAPATH_NOT_BUILT',
      `${addon.compiler} could not build ${addon.name}: ${line ?? cause}`,
      {
        fields: { addon: addon.name },
        cause,
      },
    );
  }
}

/** The C headers that ship with the Node that runs this, so that both are always of one version. */
function nodeHeaders(): string {
  const folder = join(dirname(process.execPath), '..', 'include', 'node');
  if (existsSync(join(folder, 'node_api.h'))) return folder;
  throw new WeirError('DATAPATH_NOT_BUILT', 'this Node has no C headers beside it', {
    fields: { node: process.execPath, version: process.version },
    advice: 'run `npm ci`, then `npm run prestart`: npm scripts run the Node pinned in package.json',
  });
}

/** Changes when the sources, Node's headers, the flags or the compiler do. */
function fingerprint(addon: Addon): string {
  const hash = createHash('sha256').update(JSON.stringify([addon, process.arch, compilerIdentity(addon)]));
  for (const file of [...sourcesOf(addon), ...nodeApiHeaders()]) {
    hash.update(`\0${basename(file)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function sourcesOf(addon: Addon): readonly string[] {
  return readdirSync(addon.sources)
    .filter((name) => /\.(c|cc|h)$/.test(name))
    .sort()
    .map((name) => join(addon.sources, name));
}

function nodeApiHeaders(): readonly string[] {
  const names = [
    'node_version.h',
    'node_api.h',
    'node_api_types.h',
    'js_native_api.h',
    'js_native_api_types.h',
  ];
  return names.map((name) => join(nodeHeaders(), name));
}

/** Size and time of the compiler's program: asking it for its version would take longer than all the rest. */
function compilerIdentity(addon: Addon): string {
  const folders = (process.env.PATH ?? '').split(':');
  const program = folders.map((folder) => join(folder, addon.compiler)).find((path) => existsSync(path));
  if (program === undefined) return 'none';
  const { size, mtimeMs } = statSync(program);
  return `${size} ${mtimeMs}`;
}

const stampOf = (addon: Addon): string => `${addon.output}.stamp`;
