import { describeError, isWeirError, type Log, WeirError } from '#base';
import { answerText } from './answer.ts';
import type { CommandContext, ModeName, ShellState, UserClass } from './command.ts';
import { type CommandTree, type Order, orderAt } from './command-tree.ts';
import { matchLine, prospectOf, splitWords } from './grammar/index.ts';
import { renderMismatch, renderNext } from './help.ts';
import type { Operations } from './operations.ts';
import type { Screen } from './screen.ts';
import type { Helper } from './terminal/index.ts';

/** Who uses a shell. */
export interface User {
  readonly who: string;
  readonly userClass: UserClass;
}

/** The commands of each mode. */
export type Trees = Readonly<Record<ModeName, CommandTree>>;

/** What became of a line. */
export type LineOutcome = 'done' | 'failed' | 'not understood' | 'interrupted';

/** Understands lines by the commands of a mode, carries them out for one user, shows the answers. Knows no keys. */
export class Shell {
  readonly state: ShellState = { mode: 'operational', over: false };
  readonly user: User;
  readonly #operations: Operations;
  readonly #trees: Trees;
  readonly #log: Log;

  constructor(options: {
    operations: Operations;
    trees: Trees;
    user: User;
    log: Log;
  }) {
    this.#operations = options.operations;
    this.#trees = options.trees;
    this.user = options.user;
    this.#log = options.log;
  }

  /** What stands before a line that is typed. */
  prompt(boxName: string): string {
    return `${this.user.who}@${boxName}> `;
  }

  /** The session is over. */
  close(): void {}

  /** What Tab and `?` say. */
  readonly helper: Helper = {
    complete: async (before) => {
      const prospect = await prospectOf(before, this.#start());
      if ('mismatch' in prospect) return { insert: '', listing: '' };
      return { insert: prospect.insert, listing: prospect.insert === '' ? renderNext(prospect.next) : '' };
    },
    help: async (before) => {
      // Within quotes it is a character like others: URLs have it.
      if (splitWords(before).openQuoteAt !== undefined) return undefined;
      const prospect = await prospectOf(before, this.#start());
      return 'mismatch' in prospect ? `${prospect.mismatch.message}\n` : renderNext(prospect.next);
    },
  };

  /** Carries out one line. `indentation`: how far from the left edge it stands on the screen, for the caret below it. */
  async execute(line: string, screen: Screen, indentation: number): Promise<LineOutcome> {
    if (/^\s*(#|$)/.test(line)) return 'done';
    const matching = await matchLine(line, this.#start());
    if ('mismatch' in matching) {
      screen.complain(renderMismatch(matching.mismatch, indentation));
      return 'not understood';
    }
    const order = orderAt(matching.match.place);
    if (order === undefined)
      throw new TypeError(`a line that ends orders something: ${matching.match.words}`);
    if (order.command.needs !== 'viewer') {
      this.#log.info('console command', { who: this.user.who, command: order.command.path });
    }
    try {
      return await screen.interruptible((signal) => this.#carryOut(order, screen, signal));
    } catch (error) {
      if (isWeirError(error, 'CONSOLE_CLOSED')) throw error;
      if (isWeirError(error, 'CONSOLE_INTERRUPTED')) {
        screen.complain('^C\n');
        return 'interrupted';
      }
      if (!isWeirError(error)) {
        this.#log.error('a command failed', {
          command: order.command.path,
          error: String((error as Error).stack),
        });
      }
      screen.complain(`error: ${describeError(error)}\n`);
      return 'failed';
    }
  }

  async #carryOut(
    { command, args, pipes }: Order,
    screen: Screen,
    signal: AbortSignal,
  ): Promise<LineOutcome> {
    const context: CommandContext = {
      operations: this.#operations,
      who: this.user.who,
      userClass: this.user.userClass,
      size: screen.size,
      shell: this.state,
      signal,
      ask: (question, options) => screen.ask(question, options),
    };
    const show = (json: unknown) => answerText(command, json, pipes, screen.size);
    const answer = command.run(context, args);
    if (!isIterable(answer)) {
      const text = show(await untilAborted(answer, signal));
      await screen.show(text, !pipes.some(({ kind }) => kind === 'no-more'));
      return 'done';
    }
    const things = answer[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await untilAborted(things.next(), signal);
        if (next.done) return 'done';
        if (command.refreshes) screen.clear();
        await screen.show(show(next.value), false);
      }
    } finally {
      // Not awaited: what does not stop when it is told shall not hold up whoever told it.
      things.return?.()?.catch(() => {});
    }
  }

  #start() {
    const { userClass } = this.user;
    return this.#trees[this.state.mode].start({ operations: this.#operations, userClass, shell: this.state });
  }
}

const isIterable = (answer: Promise<unknown> | AsyncIterable<unknown>): answer is AsyncIterable<unknown> =>
  Symbol.asyncIterator in answer;

/** What `promise` comes to, or a CONSOLE_INTERRUPTED, whether what is under way listens to the signal or not. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const interrupted = () =>
      reject(
        isWeirError(signal.reason, 'CONSOLE_CLOSED')
          ? signal.reason
          : new WeirError('CONSOLE_INTERRUPTED', 'interrupted'),
      );
    if (signal.aborted) interrupted();
    signal.addEventListener('abort', interrupted, { once: true });
    promise
      .then(resolve, (error) => (signal.aborted ? interrupted() : reject(error)))
      .finally(() => signal.removeEventListener('abort', interrupted));
  });
}
