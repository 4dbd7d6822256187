import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { WeirError } from '#base';
import type { PingOptions, ProbeEnd, ProbeOptions, Probes, TracerouteOptions } from '../probes.ts';

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const MOST_LINES = 1000;
const MOST_LINE_CHARS = 500;
/** Whoever writes faster than that is ended: what is beyond the last line that is kept is not read for ever. */
const MOST_BYTES = 1 << 20;
const PING_SECONDS_BEYOND = 5;
const TRACEROUTE_SECONDS = 120;

/** ping(8) of iputils and traceroute(8), as Debian has them. */
export class LinuxProbes implements Probes {
  readonly #path: string;

  constructor(options: { path?: string } = {}) {
    this.#path = options.path ?? PATH;
  }

  ping({ target, count, sizeBytes, device, ...rest }: PingOptions): Promise<ProbeEnd> {
    const seconds = count + PING_SECONDS_BEYOND;
    const args = ['-n', '-c', String(count), '-w', String(seconds)];
    if (sizeBytes !== undefined) args.push('-s', String(sizeBytes));
    if (device !== undefined) args.push('-I', device);
    return this.#run('ping', 'iputils-ping', [...args, '--', target], seconds + PING_SECONDS_BEYOND, rest);
  }

  traceroute({ target, maxHops, device, ...rest }: TracerouteOptions): Promise<ProbeEnd> {
    const args = ['-n', '-q', '1', '-w', '2', '-m', String(maxHops)];
    if (device !== undefined) args.push('-i', device);
    return this.#run('traceroute', 'traceroute', [...args, '--', target], TRACEROUTE_SECONDS, rest);
  }

  #run(
    program: string,
    debianPackage: string,
    args: readonly string[],
    seconds: number,
    { onLine, signal }: ProbeOptions,
  ): Promise<ProbeEnd> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: this.#path, LC_ALL: 'C' },
      });
      const lines: string[] = [];
      let bytes = 0;
      let cut = false;
      const end = () => {
        child.kill('SIGKILL');
        // What it started may live on and write: nobody reads that any more, which ends it.
        child.stdout.destroy();
        child.stderr.destroy();
      };
      const take = (line: string) => {
        if (lines.length === MOST_LINES) {
          cut = true;
          return;
        }
        lines.push(line.slice(0, MOST_LINE_CHARS));
        cut ||= line.length > MOST_LINE_CHARS;
        onLine?.(lines.at(-1) ?? '');
      };
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= MOST_BYTES) return;
          cut = true;
          end();
        });
        createInterface({ input: stream }).on('line', take);
      }
      signal?.addEventListener('abort', end, { once: true });
      if (signal?.aborted) end();
      child.on('error', (cause) => reject(startFailure(program, debianPackage, cause)));
      const late = setTimeout(end, seconds * 1000).unref();
      child.on('close', (status) => {
        clearTimeout(late);
        signal?.removeEventListener('abort', end);
        resolve({ lines, status, cut });
      });
    });
  }
}

function startFailure(program: string, debianPackage: string, cause: NodeJS.ErrnoException): WeirError {
  if (cause.code === 'ENOENT') {
    return new WeirError('MISSING_PROGRAM', `the program ${program} is not there`, {
      fields: { program },
      advice: `apt-get install ${debianPackage}`,
      cause,
    });
  }
  return new WeirError('COMMAND_FAILED', `cannot start ${program}: ${cause.message}`, { cause });
}
