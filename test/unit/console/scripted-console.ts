import { duplexPair } from 'node:stream';
import { silentLog } from '#base';
import type { Configurations } from '../../../src/config/index.ts';
import type { Command, User } from '../../../src/console/command.ts';
import { CommandTree } from '../../../src/console/command-tree.ts';
import type { Operations } from '../../../src/console/operations.ts';
import { runSession } from '../../../src/console/session.ts';
import { Shell, type Trees } from '../../../src/console/shell.ts';
import { History, type Size, Terminal } from '../../../src/console/terminal/index.ts';

import { Operator } from '../../operator.ts';

/** Somebody who types at a shell over a pair of streams, and what they see. */
export class ScriptedConsole implements AsyncDisposable {
  readonly shell: Shell;
  readonly terminal: Terminal;
  readonly history = new History(100);
  readonly over: Promise<void>;
  readonly #operator: Operator;

  constructor(options: {
    /** Of the only mode there is, unless there are `trees`. */
    commands?: readonly Command[];
    trees?: Trees;
    configurations?: Configurations;
    operations?: Partial<Operations>;
    user?: User;
    size?: Size;
    patienceMs?: number;
    groups?: Readonly<Record<string, string>>;
  }) {
    const [near, far] = duplexPair();
    this.#operator = new Operator(far, options.patienceMs ?? 1500);
    const tree = new CommandTree(options.commands ?? [], options.groups ?? {});
    this.terminal = new Terminal(near, options.size);
    this.shell = new Shell({
      operations: (options.operations ?? {}) as Operations,
      configurations: () => {
        if (options.configurations === undefined) throw new TypeError('this console has no configuration');
        return options.configurations;
      },
      trees: options.trees ?? { operational: tree, configuration: tree },
      user: options.user ?? { who: 'ann', userClass: 'administrator' },
      log: silentLog,
    });
    this.over = runSession({
      terminal: this.terminal,
      shell: this.shell,
      history: this.history,
      prompt: () => this.shell.prompt('box'),
    });
    this.over.catch(() => {});
  }

  type(text: string | Uint8Array): void {
    void this.#operator.type(text);
  }

  command(line: string): Promise<string> {
    return this.#operator.command(line);
  }

  get transcript(): string {
    return this.#operator.transcript;
  }

  sees(pattern: RegExp): Promise<string> {
    return this.#operator.sees(pattern);
  }

  hangUp(): void {
    this.terminal.hangUp('the far end is gone');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    await this.over.catch(() => {});
  }
}
