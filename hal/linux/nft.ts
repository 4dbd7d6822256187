import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeirError } from '#base';
import type { NftCommand } from './ruleset.ts';
import { SerialQueue } from './serial-queue.ts';

const RUN_TIMEOUT_MS = 10_000;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** One argument of a program takes 128 KiB with the NUL that ends it (MAX_ARG_STRLEN, execve(2)). */
const MOST_ARGUMENT_BYTES = 128 * 1024 - 1;

/** Runs nft(8), one child at a time. A batch is one transaction: all of it or nothing. */
export class Nft {
  readonly #program: string;
  readonly #queue = new SerialQueue();

  constructor(options: { program?: string } = {}) {
    this.#program = options.program ?? 'nft';
  }

  /** Applies the commands; with `check` the kernel is asked first whether it would take them. */
  apply(commands: readonly NftCommand[], options: { check?: boolean } = {}): Promise<void> {
    return this.#queue.run(async () => {
      const batch = JSON.stringify({ nftables: commands });
      // The renewal each second is as short as that: it needs no file.
      if (Buffer.byteLength(batch) <= MOST_ARGUMENT_BYTES) return this.#runBatch([batch], options);
      // nft 1.0.6 cannot open the socket pair that a child's stdin is.
      const folder = await mkdtemp(join(tmpdir(), 'weir-nft-'));
      try {
        const file = join(folder, 'batch.json');
        await writeFile(file, batch, { mode: 0o600, flag: 'wx' });
        await this.#runBatch(['-f', file], options);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }

  /** A table without its set elements, as text that is the same as long as the table is; undefined: there is none. */
  describeTable(family: string, name: string): Promise<string | undefined> {
    return this.#queue.run(async () => {
      const listed = await this.#run(['-j', '-t', 'list', 'table', family, name]).catch((error) => {
        if (!isNoSuchObject(error)) throw error;
        return undefined;
      });
      if (listed === undefined) return undefined;
      // Handles differ each time a table is made.
      return JSON.stringify(JSON.parse(listed), (key, value) => (key === 'handle' ? undefined : value));
    });
  }

  async #runBatch(batch: readonly string[], { check }: { check?: boolean }): Promise<void> {
    if (check) await this.#run(['-j', '-c', ...batch]);
    await this.#run(['-j', ...batch]);
  }

  #run(args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.#program, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH, LC_ALL: 'C' },
        timeout: RUN_TIMEOUT_MS,
        killSignal: 'SIGKILL',
      });
      const output: Buffer[] = [];
      const words: Buffer[] = [];
      child.stdout.on('data', (chunk) => output.push(chunk));
      child.stderr.on('data', (chunk) => words.push(chunk));
      child.on('error', (cause) => reject(startFailure(this.#program, cause)));
      child.on('close', (status, signal) => {
        if (status === 0) resolve(Buffer.concat(output).toString());
        else reject(failure(signal ? `ended by ${signal}` : oneLine(Buffer.concat(words).toString())));
      });
    });
  }
}

function startFailure(program: string, cause: NodeJS.ErrnoException): WeirError {
  if (cause.code === 'ENOENT') {
    return new WeirError('MISSING_PROGRAM', `the program ${program} is not there`, {
      fields: { program },
      advice: 'install the package nftables: apt-get install nftables',
      cause,
    });
  }
  return new WeirError('INTERCEPTION_FAILED', `cannot start ${program}: ${cause.message}`, { cause });
}

function failure(words: string): WeirError {
  if (/Operation not permitted/.test(words)) {
    return new WeirError('MISSING_RIGHTS', 'the kernel does not let us change nftables', {
      fields: { nft: words },
      advice: 'run as root, or with CAP_NET_ADMIN',
    });
  }
  return new WeirError('INTERCEPTION_FAILED', 'nft refused our rules', {
    fields: { nft: words },
    advice:
      'the kernel needs nf_tables with nft_tproxy, nft_socket, nft_fib and nft_masq: modprobe -a nft_tproxy nft_socket nft_fib_inet nft_masq',
  });
}

/** An error is one line for a person; nft may use several. */
const oneLine = (words: string): string => words.trim().replace(/\s*\n\s*/g, '; ');

/** The table, set or chain that was named does not exist. */
export const isNoSuchObject = (error: unknown): boolean =>
  error instanceof WeirError && /No such file or directory/.test(String(error.fields.nft));
