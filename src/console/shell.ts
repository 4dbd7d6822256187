import { describeError, isWeirError, type Log, WeirError } from '#base';
import { type Configurations, quoteWords } from '../config/index.ts';
import { answerText } from './answer.ts';
import {
  type CommandContext,
  freshState,
  type ModeName,
  type Order,
  type ShellState,
  type Surroundings,
  type User,
} from './command.ts';
import { type CommandTree, orderAt } from './command-tree.ts';
import { matchLine, prospectOf, splitWords } from './grammar/index.ts';
import { renderMismatch, renderNext } from './help.ts';
import type { Operations } from './operations.ts';
import { commandOfOtherMode } from './other-mode.ts';
import type { Screen } from './screen.ts';
import type { Helper } from './terminal/index.ts';

/** The commands of each mode. */
export type Trees = Readonly<Record<ModeName, CommandTree>>;

/** What became of a line. */
export type LineOutcome = 'done' | 'failed' | 'not understood' | 'interrupted';

/** Understands lines by the commands of a mode, carries them out for one user, shows the answers. Knows no keys. */
export class Shell {
  readonly state: ShellState;
  readonly #operations: Operations;
  readonly #configurations: () => Configurations;
  readonly #trees: Trees;
  readonly #log: Log;

  constructor(options: {
    operations: Operations;
    /** Throws NOT_READY while the box is starting. */
    configurations: () => Configurations;
    trees: Trees;
    user: User;
    log: Log;
  }) {
    this.#operations = options.operations;
    this.#configurations = options.configurations;
    this.#trees = options.trees;
    this.state = freshState(options.user);
    this.#log = options.log;
  }

  get user(): User {
    return this.state.user;
  }

  /** What stands before a line that is typed. */
  prompt(boxName: string): string {
    const { editing } = this.state;
    if (editing === undefined) return `${this.user.who}@${boxName}> `;
    const place = quoteWords(['edit', ...editing.path]);
    return `[${place}]\n${this.user.who}@${boxName}# `;
  }

  /** What Tab and `?` say. */
  readonly helper: Helper = {
    complete: orWhyNot(
      async (before) => {
        const elsewhere = await this.#ofOtherMode(before, false);
        if (elsewhere !== undefined) return { insert: '', listing: `${elsewhere}\n` };
        const prospect = await prospectOf(before, this.#start());
        if ('mismatch' in prospect) return { insert: '', listing: '' };
        return { insert: prospect.insert, listing: prospect.insert === '' ? renderNext(prospect.next) : '' };
      },
      (why) => ({ insert: '', listing: why }),
    ),
    help: orWhyNot(
      async (before) => {
        // A character like others within quotes, and in URLs, for one that is pasted shall not lose it.
        const { openQuoteAt, partial } = splitWords(before);
        if (openQuoteAt !== undefined || partial.text.includes('://')) return undefined;
        const elsewhere = await this.#ofOtherMode(before, false);
        if (elsewhere !== undefined) return `${elsewhere}\n`;
        const prospect = await prospectOf(before, this.#start());
        return 'mismatch' in prospect ? `${prospect.mismatch.message}\n` : renderNext(prospect.next);
      },
      (why) => why,
    ),
  };

  /**
   * Carries out one line.
   *
   * @param how `indentation`: how far from the left edge the line stands on the screen, for the caret below it. `remember` is
   *   called with it unless there is a secret in it.
   */
  async execute(
    line: string,
    screen: Screen,
    how: { readonly indentation: number; readonly remember?: (line: string) => void },
  ): Promise<LineOutcome> {
    if (/^\s*(#|$)/.test(line)) return 'done';
    let command: string | undefined;
    let hidden = false;
    try {
      const elsewhere = await this.#ofOtherMode(line, true);
      if (elsewhere !== undefined) {
        // It may set a secret, which this mode knows nothing of: it is neither remembered nor repeated.
        screen.complain(`${elsewhere}\n`, true);
        return 'not understood';
      }
      const matching = await matchLine(line, this.#start());
      if ('mismatch' in matching) {
        const { mismatch } = matching;
        hidden = this.#hides(orderAt(mismatch.place, this.#surroundings()), false);
        if (!hidden) how.remember?.(line);
        screen.complain(renderMismatch(mismatch, how.indentation), hidden);
        return 'not understood';
      }
      const order = orderAt(matching.match.place, this.#surroundings());
      if (order === undefined) throw new TypeError('a line that may end where it ends orders something');
      command = order.command.path;
      hidden = this.#hides(order, true);
      if (!hidden) how.remember?.(line);
      if (order.command.needs !== 'viewer')
        this.#log.info('console command', { who: this.user.who, command });
      return await screen.interruptible((signal) => this.#carryOut(order, screen, signal));
    } catch (error) {
      if (isWeirError(error, 'CONSOLE_CLOSED')) throw error;
      if (isWeirError(error, 'CONSOLE_INTERRUPTED')) {
        screen.complain(this.state.committing ? goesOn : '^C\n', hidden);
        return 'interrupted';
      }
      if (!isWeirError(error)) {
        this.#log.error('a command failed', { command, error: String((error as Error).stack) });
      }
      screen.complain(`error: ${describeError(error)}\n`, hidden);
      return 'failed';
    } finally {
      this.state.committing = false;
      this.state.guided = false;
    }
  }

  /** Is there a secret in a line that begins with this? */
  #hides(order: Order | undefined, whole: boolean): boolean {
    return order?.command.hides(this.#surroundings(), order.args, whole) ?? false;
  }

  async #carryOut(
    { command, args, pipes }: Order,
    screen: Screen,
    signal: AbortSignal,
  ): Promise<LineOutcome> {
    const configurations = this.#configurations;
    const context: CommandContext = {
      operations: this.#operations,
      get configurations() {
        return configurations();
      },
      who: this.user.who,
      userClass: this.user.userClass,
      way: this.user.way,
      size: screen.size,
      shell: this.state,
      signal,
      ask: (question, options) => screen.ask(question, options),
      readText: () => screen.readText(),
    };
    const show = (json: unknown) =>
      answerText(command, json, pipes, { ...screen.size, columns: screen.width });
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

  get #mode(): ModeName {
    return this.state.editing === undefined ? 'operational' : 'configuration';
  }

  #start() {
    return this.#trees[this.#mode].start(this.#surroundings());
  }

  #ofOtherMode(line: string, whole: boolean): Promise<string | undefined> {
    const here = { mode: this.#mode, trees: this.#trees, surroundings: this.#surroundings() };
    return commandOfOtherMode(line, here, { whole });
  }

  #surroundings(): Surroundings {
    const configurations = this.#configurations;
    return {
      operations: this.#operations,
      userClass: this.user.userClass,
      shell: this.state,
      get configurations() {
        return configurations();
      },
    };
  }
}

const goesOn = '^C\nthe commit goes on: `show commits` tells what becomes of it\n';

/** What cannot be told now (the box is starting) is no reason to end a session. */
const orWhyNot =
  <T>(ask: (before: string) => Promise<T>, otherwise: (why: string) => T) =>
  async (before: string): Promise<T> => {
    try {
      return await ask(before);
    } catch (error) {
      if (!isWeirError(error)) throw error;
      return otherwise(`${describeError(error)}\n`);
    }
  };

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
