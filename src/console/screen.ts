import { WeirError } from '#base';
import type { AskOptions, CommandContext } from './command.ts';
import { maxLine, page, plainSize, readLine, type Size, type Terminal } from './terminal/index.ts';

/** Where a shell's answers go, and where it asks. */
export interface Screen {
  readonly size: Size;
  /** Cells in a line of an answer; without an end where programs read lines. */
  readonly width: number;
  /** Shows an answer; in pages, where there are any, unless `paged` is false. */
  show(text: string, paged: boolean): Promise<void>;
  /** Says what is wrong with a line; `hidden`: there is a secret in it. */
  complain(text: string, hidden: boolean): void;
  /** Makes room for what takes the place of what is shown. */
  clear(): void;
  /** Runs what ^C ends. */
  interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T>;
  readonly ask: CommandContext['ask'];
  readonly readText: CommandContext['readText'];
}

/** What somebody who runs a script gets to see. */
export interface ScriptOutput {
  write(text: string): Promise<void>;
  complain(text: string): void;
  readonly gone: AbortSignal;
}

/** A terminal with somebody before it. */
export class TerminalScreen implements Screen {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get size(): Size {
    return this.#terminal.size;
  }

  get width(): number {
    return this.size.columns;
  }

  async show(text: string, paged: boolean): Promise<void> {
    // Pages ask for keys, of which ^C is one.
    if (paged) return this.#terminal.uninterruptible(() => page(this.#terminal, text));
    this.#terminal.write(text);
    await this.#terminal.flush();
  }

  complain(text: string): void {
    this.#terminal.write(text);
  }

  /** ECMA-48 CUP and ED: what stands there is written over, and the rest goes. */
  clear(): void {
    this.#terminal.write('\x1b[H\x1b[J');
  }

  interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#terminal.interruptible(run);
  }

  async ask(question: string, { secret = false, unless }: AskOptions = {}): Promise<string> {
    const read = await this.#terminal.uninterruptible(() =>
      readLine(this.#terminal, { prompt: question, secret, unless }),
    );
    if (read === 'too long') throw tooLong('the answer');
    if (typeof read === 'string') throw new WeirError('CONSOLE_INTERRUPTED', 'interrupted');
    return read.line;
  }

  async readText(): Promise<string> {
    this.#terminal.write(textPrompt);
    return this.#terminal.uninterruptible(async () => {
      const lines: string[] = [];
      let length = 0;
      // Read to its end all the same: the rest of a text is no command.
      let fault: WeirError | undefined;
      for (let number = 1; ; number += 1) {
        const read = await readLine(this.#terminal, { prompt: '' });
        if (read === 'interrupted') throw new WeirError('CONSOLE_INTERRUPTED', 'interrupted');
        if (read === 'ended') {
          if (fault !== undefined) throw fault;
          return lines.join('\n');
        }
        if (read === 'too long') fault ??= tooLong(`line ${number}`);
        else if (fault === undefined) lines.push(read.line);
        length += read === 'too long' ? maxLine : read.line.length + 1;
        if (length <= maxTextLength || fault !== undefined) continue;
        fault = new WeirError('LIMIT_REACHED', `a text has at most ${maxTextLength} characters`, {
          advice: 'nothing of it was taken',
        });
        lines.length = 0;
      }
    });
  }
}

const textPrompt = 'type or paste, end with ^D on a line of its own:\n';
/** A configuration with 100,000 subscribers has 10 MB; what has no end is noise. */
export const maxTextLength = 32 * 1024 * 1024;

const tooLong = (which: string): WeirError =>
  new WeirError('LIMIT_REACHED', `${which} has more than ${maxLine} characters`, {
    advice: 'nothing of it was taken',
  });

/** Whoever gives commands without being there to be asked: a script. */
export class ScriptScreen implements Screen {
  readonly size = plainSize;
  readonly width = Number.POSITIVE_INFINITY;
  readonly #output: ScriptOutput;
  readonly #lines: readonly string[];
  #at = 0;
  #line = '';

  constructor(output: ScriptOutput, lines: readonly string[]) {
    this.#output = output;
    this.#lines = lines;
  }

  /** The next line of the script. */
  nextLine(): string | undefined {
    const line = this.#lines[this.#at];
    this.#at += 1;
    this.#line = line ?? '';
    return line;
  }

  async show(text: string): Promise<void> {
    if (text !== '') await this.#output.write(text);
  }

  /** Nobody sees which line it was. What scripts say ends up in logs. */
  complain(text: string, hidden: boolean): void {
    this.#output.complain(`${hidden ? '(a line with a secret)' : this.#line}\n${text}`);
  }

  clear(): void {}

  interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return run(this.#output.gone);
  }

  /** The lines of the script up to one that is ^D, or to its end. */
  async readText(): Promise<string> {
    const lines: string[] = [];
    for (let line = this.nextLine(); line !== undefined && line !== '\x04'; line = this.nextLine())
      lines.push(line);
    return lines.join('\n');
  }

  async ask(question: string): Promise<string> {
    throw new WeirError('CONSOLE_NOBODY', `nobody is there to be asked: ${question.trim()}`, {
      advice: 'run it in an interactive `weir console`',
    });
  }
}
