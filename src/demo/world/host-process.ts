import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type Closeable, WeirError } from '#base';

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface HostProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** `close` asks with this signal first. */
  readonly closeSignal?: NodeJS.Signals;
  /** `close` kills what has not ended by then. */
  readonly closeGraceMs?: number;
  /** Each line it prints, as it comes. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

/** What is kept of each output: its end. */
const keptOutputChars = 4 * 1024 * 1024;

/** A process on a host of the world; its output is kept. */
export class HostProcess implements Closeable {
  /** As in this process's pid namespace. */
  readonly pid: number;
  readonly stdin: Writable;
  /** Resolves after the end of the process and of its output. */
  readonly exited: Promise<ExitStatus>;
  readonly #name: string;
  readonly #options: HostProcessOptions;
  readonly #output = { stdout: '', stderr: '' };
  readonly #changes = new EventEmitter();
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #ended: ExitStatus | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    pid: number,
    name: string,
    options: HostProcessOptions,
  ) {
    this.pid = pid;
    this.#child = child;
    this.stdin = child.stdin;
    this.#name = name;
    this.#options = options;
    this.#changes.setMaxListeners(0);
    // A process that ends with unread input is no fault of ours.
    child.stdin.on('error', () => {});
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        this.#output[stream] = (this.#output[stream] + text).slice(-keptOutputChars);
        this.#changes.emit('output');
      });
      if (options.onLine) {
        const lines = createInterface({ input: child[stream] });
        lines.on('line', (line) => options.onLine?.(line, stream));
      }
    }
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#ended = { code, signal };
        this.#changes.emit('output');
        resolve(this.#ended);
      });
    });
  }

  /** Starts `command` as given; the caller has put it into its namespace. */
  static async start(
    name: string,
    command: readonly [string, ...string[]],
    options: HostProcessOptions = {},
  ): Promise<HostProcess> {
    const [program, ...args] = command;
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    // No listener may miss the first output or a quick end: they are set in the same turn.
    const started = once(child, 'spawn');
    const { pid } = child;
    if (pid === undefined) {
      const cause = await started.catch((error: unknown) => error);
      throw new WeirError('MISSING_PROGRAM', `cannot start ${program}`, { cause });
    }
    return new HostProcess(child, pid, name, options);
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  get running(): boolean {
    return this.#ended === undefined;
  }

  /** Sends a signal; to an ended process it is nothing. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    if (this.#ended) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /**
   * The first match of `pattern` in what it has printed so far or prints later. Rejects with COMMAND_FAILED when it ends
   * without, with TIMED_OUT after `timeoutMs`.
   */
  async prints(
    pattern: RegExp,
    options: { timeoutMs?: number; stream?: 'stdout' | 'stderr' } = {},
  ): Promise<RegExpExecArray> {
    const { timeoutMs = 10_000, stream } = options;
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const match = stream
        ? pattern.exec(this.#output[stream])
        : (pattern.exec(this.stdout) ?? pattern.exec(this.stderr));
      if (match) return match;
      if (this.#ended) throw this.#failure('COMMAND_FAILED', `ended without printing ${pattern}`);
      await once(this.#changes, 'output', { signal: deadline }).catch(() => {
        throw this.#failure('TIMED_OUT', `did not print ${pattern} within ${timeoutMs} ms`);
      });
    }
  }

  /** The end, which must be exit status 0; else rejects with COMMAND_FAILED and the end of its output. */
  async success(): Promise<void> {
    const { code } = await this.exited;
    if (code !== 0) throw this.#failure('COMMAND_FAILED', 'failed');
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const { closeSignal = 'SIGTERM', closeGraceMs = 3000 } = this.#options;
    this.kill(closeSignal);
    const killer = setTimeout(() => this.kill('SIGKILL'), closeGraceMs);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    clearTimeout(killer);
    // A process it has left behind may hold its output open for ever.
    const patience = setTimeout(() => {
      this.#child.stdout.destroy();
      this.#child.stderr.destroy();
    }, 200);
    await this.exited;
    clearTimeout(patience);
  }

  #failure(code: 'COMMAND_FAILED' | 'TIMED_OUT', what: string): WeirError {
    const output = (this.stderr.trim() || this.stdout.trim()).slice(-2000);
    return new WeirError(code, `${this.#name} ${what}`, {
      fields: { exitCode: this.#ended?.code ?? undefined, signal: this.#ended?.signal ?? undefined, output },
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
