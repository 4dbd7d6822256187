import { duplexPair } from 'node:stream';
import { silentLog } from '#base';
import type { Command } from '../../../src/console/command.ts';
import { CommandTree } from '../../../src/console/command-tree.ts';
import type { Operations } from '../../../src/console/operations.ts';
import { runSession } from '../../../src/console/session.ts';
import { Shell, type User } from '../../../src/console/shell.ts';
import { History, type Size, Terminal } from '../../../src/console/terminal/index.ts';

/** Somebody who types at a shell over a pair of streams, and what they see. */
export class ScriptedConsole implements AsyncDisposable {
  readonly shell: Shell;
  readonly terminal: Terminal;
  readonly history = new History(100);
  readonly over: Promise<void>;
  readonly #far;
  #seen = '';
  #from = 0;
  #news: (() => void) | undefined;

  constructor(options: {
    commands: readonly Command[];
    operations?: Partial<Operations>;
    user?: User;
    size?: Size;
    groups?: Readonly<Record<string, string>>;
  }) {
    const [near, far] = duplexPair();
    this.#far = far;
    far.setEncoding('utf8').on('data', (text: string) => {
      this.#seen += text;
      this.#news?.();
    });
    const tree = new CommandTree(options.commands, options.groups ?? {});
    this.terminal = new Terminal(near, options.size);
    this.shell = new Shell({
      operations: (options.operations ?? {}) as Operations,
      trees: { operational: tree, configuration: tree },
      user: options.user ?? { who: 'ann', userClass: 'administrator' },
      log: silentLog,
    });
    this.over = runSession({
      terminal: this.terminal,
      shell: this.shell,
      history: this.history,
      prompt: () => 'ann@box> ',
    });
    this.over.catch(() => {});
  }

  type(text: string | Uint8Array): void {
    this.#far.write(text);
  }

  hangUp(): void {
    this.#far.destroy();
    this.terminal.hangUp('the far end is gone');
  }

  /** Waits until `pattern` is seen behind what the last call found; what was seen up to its end. */
  async sees(pattern: RegExp): Promise<string> {
    for (;;) {
      const news = this.#seen.slice(this.#from);
      const found = pattern.exec(news);
      if (found !== null) {
        const end = found.index + found[0].length;
        this.#from += end;
        return news.slice(0, end);
      }
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    await this.over.catch(() => {});
  }
}
