/** `npm run lint`: Biome on the whole repository, by the binary of this machine's architecture. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const biome = join(root, 'node_modules', '@biomejs', `cli-linux-${process.arch}`, 'biome');
const { status, error } = spawnSync(biome, ['check', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
if (error) console.error(`lint: ${biome}: ${error.message} -> npm ci`);
process.exitCode = status ?? 1;
