import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { privateNetwork } from './network-world.ts';

const root = join(import.meta.dirname, '..', '..');

/**
 * Tests that change the network. Under `npm test` they run as they stand; when `file` is run by mocha alone, in the
 * network of the machine, one test runs that file as `npm test` would.
 */
export function describeReal(name: string, file: string, define: () => void): void {
  if (privateNetwork) {
    describe(name, define);
    return;
  }
  it(`${name}, in a network namespace of its own`, function () {
    this.timeout(120_000);
    const run = spawnSync(process.execPath, [join(root, 'test', 'run.ts'), relative(root, file)], {
      cwd: root,
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(`${run.stdout}\n${run.stderr}`);
  });
}
