import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { architecture } from '../packages.ts';
import { run } from '../program.ts';
import { repository } from '../workspace.ts';

/** Node, Weir's dependencies and theirs, for the gateway: the folder `node_modules`, from package-lock.json. */
export async function installModules(cache: string): Promise<string> {
  const files = ['package.json', 'package-lock.json'].map((name) => join(repository, name));
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  const folder = join(cache, `npm-${hash.digest('hex').slice(0, 16)}`);
  const modules = join(folder, 'node_modules');
  if (existsSync(modules)) return modules;

  const installing = `${folder}.part`;
  rmSync(installing, { recursive: true, force: true });
  mkdirSync(installing, { recursive: true });
  for (const file of files) copyFileSync(file, join(installing, file.slice(repository.length + 1)));
  const target = ['--os=linux', `--cpu=${architecture}`, '--libc=glibc'];
  // No script of a package runs: they would build for this machine.
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['ci', '--omit=dev', ...target, ...quiet], { cwd: installing });
  writeFileSync(join(installing, 'made-from'), 'package-lock.json\n');
  renameSync(installing, folder);
  return modules;
}
