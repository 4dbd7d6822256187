import { readdir, readFile } from 'node:fs/promises';

/** CPU time so far of a process, and of those of its threads whose names begin alike, by the scheduler's own account (schedstat: the first field). */
export interface CpuTimes {
  readonly processNs: number;
  readonly threadsNs: number;
}

export async function cpuTimes(pid: number, threadName = ''): Promise<CpuTimes> {
  let [processNs, threadsNs] = [0, 0];
  for (const thread of await threads(pid)) {
    const [name, schedstat] = await Promise.all([
      readFile(`${thread}/comm`, 'utf8'),
      readFile(`${thread}/schedstat`, 'utf8'),
    ]);
    const ns = Number(schedstat.split(' ', 1)[0]);
    processNs += ns;
    if (name.startsWith(threadName)) threadsNs += ns;
  }
  return { processNs, threadsNs };
}

/** The SCHED_FIFO priority of the thread of that name; 0: it runs as any other. */
export async function realtimePriority(pid: number, threadName: string): Promise<number> {
  for (const thread of await threads(pid)) {
    const stat = await readFile(`${thread}/stat`, 'utf8');
    // proc_pid_stat(5): `pid (comm) state ...`; rt_priority is field 40, state field 3.
    if (stat.includes(`(${threadName})`)) return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[37]);
  }
  return 0;
}

const threads = async (pid: number): Promise<string[]> =>
  (await readdir(`/proc/${pid}/task`)).map((thread) => `/proc/${pid}/task/${thread}`);
