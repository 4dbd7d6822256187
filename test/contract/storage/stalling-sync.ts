import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Compiles the library that makes syncs stall into `folder`; what to preload, as environment. */
export function stallingSync(folder: string): { readonly LD_PRELOAD: string } {
  const library = join(folder, 'stalling-sync.so');
  const source = join(import.meta.dirname, 'stalling-sync.c');
  execFileSync('cc', ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-o', library, source, '-ldl']);
  return { LD_PRELOAD: library };
}
