import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PortHolder } from '../serial-port.ts';

/**
 * Processes besides this one that have `device` open. Those that end meanwhile are left out. Whose files we may not look at is
 * still known by its controlling terminal: a getty makes the port that.
 */
export async function holdersOf(device: string, proc = '/proc'): Promise<readonly PortHolder[]> {
  const holders: PortHolder[] = [];
  const { rdev } = await stat(device);
  for (const name of await readdir(proc)) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const folder = join(proc, name);
    if ((await terminalOf(folder)) !== rdev && !(await holds(join(folder, 'fd'), device))) continue;
    const program = await readFile(join(proc, name, 'comm'), 'utf8').catch(() => '');
    holders.push({ pid, program: program.trim() });
  }
  return holders;
}

/** What the verb `port-holders` says: `PID PROGRAM` a line, this process among them. */
export const parseHolders = (lines: readonly string[]): readonly PortHolder[] =>
  lines.flatMap((line) => {
    const [, pid, program = ''] = /^(\d+) (.*)$/.exec(line) ?? [];
    return pid === undefined || Number(pid) === process.pid ? [] : [{ pid: Number(pid), program }];
  });

async function holds(folder: string, device: string): Promise<boolean> {
  for (const fd of await readdir(folder).catch(() => [])) {
    if ((await readlink(join(folder, fd)).catch(() => '')) === device) return true;
  }
  return false;
}

/** The device number of its controlling terminal (proc_pid_stat(5), field 7); a program's name may hold blanks and brackets. */
async function terminalOf(folder: string): Promise<number> {
  const text = await readFile(join(folder, 'stat'), 'utf8').catch(() => '');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[4]);
}
