import { globSync, mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { run } from '../program.ts';

export interface NativeModule {
  readonly sources: string;
  readonly output: string;
  /** Of the Node that is going to load it. */
  readonly headers: string;
  readonly language: 'c' | 'c++';
}

const prefix = 'aarch64-linux-gnu-';

const languages = {
  c: { compiler: `${prefix}gcc`, extension: 'c', flags: ['-O2', '-D_FILE_OFFSET_BITS=64'] },
  'c++': {
    compiler: `${prefix}g++`,
    extension: 'cc',
    flags: ['-std=c++20', '-DNAPI_VERSION=10', '-O2', '-fvisibility=hidden'],
  },
};

/** Compiles an addon for the gateway, as `hal/setup` does it for this machine. Nothing in it says where it was compiled. */
export async function crossCompile({ sources, output, headers, language }: NativeModule): Promise<void> {
  const { compiler, extension, flags } = languages[language];
  const name = basename(output, '.node');
  const objects = `${output}.objects`;
  mkdirSync(objects, { recursive: true });
  const waiting = globSync(`*.${extension}`, { cwd: sources }).sort();
  const linked = waiting.map((file) => join(objects, `${file}.o`));
  const common = [...flags, `-DNODE_GYP_MODULE_NAME=${name}`, '-fPIC', '-pthread', `-I${headers}`];
  const compile = async () => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      // Relative, so that names of source files in it are the same wherever the checkout is.
      await run(compiler, [...common, '-c', file, '-o', join(objects, `${file}.o`)], { cwd: sources });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compile));
  mkdirSync(dirname(output), { recursive: true });
  await run(compiler, ['-shared', '-pthread', '-s', '-Wl,--build-id=none', '-o', output, ...linked]);
  rmSync(objects, { recursive: true });
}
