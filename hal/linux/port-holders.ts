import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { PortHolder } from '../serial-port.ts';

/** Processes besides this one that have `device` open. Those that end meanwhile, or that we may not look at, are left out. */
export async function holdersOf(device: string, proc = '/proc'): Promise<readonly PortHolder[]> {
  const holders: PortHolder[] = [];
  for (const name of await readdir(proc)) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (!(await holds(join(proc, name, 'fd'), device))) continue;
    const program = await readFile(join(proc, name, 'comm'), 'utf8').catch(() => '');
    holders.push({ pid, program: program.trim() });
  }
  return holders;
}

async function holds(folder: string, device: string): Promise<boolean> {
  for (const fd of await readdir(folder).catch(() => [])) {
    if ((await readlink(join(folder, fd)).catch(() => '')) === device) return true;
  }
  return false;
}
