import type { ExitStatus, Host, HostProcess } from '../../src/demo/world/index.ts';

const keptLines = 400;

/** A program on a host, followed line by line: waits until what its lines tell comes true. */
export class Program implements AsyncDisposable {
  readonly #title: string;
  readonly #process: HostProcess;
  readonly #journal: Journal;
  #exit: ExitStatus | undefined;

  private constructor(title: string, process: HostProcess, journal: Journal) {
    this.#title = title;
    this.#process = process;
    this.#journal = journal;
    void process.exited.then((exit) => {
      this.#exit = exit;
      journal.notify();
    });
  }

  /** `onLine` gets every line it writes, from the first one. */
  static async start(
    host: Host,
    argv: readonly [string, ...string[]],
    options: { onLine?: (line: string) => void } = {},
  ): Promise<Program> {
    const journal = new Journal();
    const [file, ...args] = argv;
    const process = await host.spawn(file, args, {
      onLine: (line) => {
        options.onLine?.(line);
        journal.add(line);
      },
    });
    return new Program(`${file} on ${host.name}`, process, journal);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** How it ended; undefined while it runs. */
  get exit(): ExitStatus | undefined {
    return this.#exit;
  }

  /** The last lines it wrote, both streams. */
  get tail(): string {
    return this.#journal.lines.join('\n');
  }

  /** Writes to its standard input. */
  write(text: string): void {
    this.#process.stdin.write(text);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits until `reached` holds; looks again at every line and at the end of the program. */
  until(reached: () => boolean, withinMs: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (failure?: string) => {
        clearTimeout(timer);
        stop();
        if (failure === undefined) resolve();
        else reject(new Error(`${this.#title}: ${failure}\n${this.tail}`));
      };
      const timer = setTimeout(() => finish(`${what}: not within ${withinMs} ms`), withinMs);
      const stop = this.#journal.watch(() => {
        if (reached()) finish();
        else if (this.#exit) finish(`ended (${JSON.stringify(this.#exit)}) before ${what}`);
      });
    });
  }

  /** Waits for its end. */
  async ended(withinMs: number): Promise<ExitStatus> {
    await this.until(() => this.#exit !== undefined, withinMs, 'its end');
    return await this.#process.exited;
  }

  /** Kills what still runs. */
  async close(): Promise<void> {
    this.signal('SIGKILL');
    await this.#process.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The last lines of a program, and who wants to know of the next. */
class Journal {
  readonly lines: string[] = [];
  readonly #watchers = new Set<() => void>();

  add(line: string): void {
    this.lines.push(line);
    if (this.lines.length > keptLines) this.lines.shift();
    this.notify();
  }

  notify(): void {
    for (const look of [...this.#watchers]) look();
  }

  /** Calls `look` soon and at every change, until the returned function is called. */
  watch(look: () => void): () => void {
    this.#watchers.add(look);
    queueMicrotask(() => {
      if (this.#watchers.has(look)) look();
    });
    return () => this.#watchers.delete(look);
  }
}
