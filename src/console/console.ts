import { type Clock, isWeirError, type Log } from '#base';
import type { Configurations, RevertedCommit } from '../config/index.ts';
import { type Account, whyOver } from './accounts.ts';
import type { User, UserClass } from './command.ts';
import type { Operations } from './operations.ts';
import { type ScriptOutput, ScriptScreen, TerminalScreen } from './screen.ts';
import { runSession } from './session.ts';
import { Shell, type Trees } from './shell.ts';
import { History, type Terminal } from './terminal/index.ts';

/** What the console asks of the box besides its operations; asked each time, as a commit changes it. */
export interface ConsoleFacts {
  /** Of the box. */
  name(): string;
  accounts(): readonly Account[];
  /** 0: nobody is logged out for typing nothing. */
  idleMinutes(): number;
  historyLines(): number;
  /** What whoever comes should know at once, a line each. */
  notices(): Promise<readonly string[]>;
  /** The commit that was taken back last. */
  reverted(): RevertedCommit | undefined;
  /** What whoever has the cable may do as long as there are no users, and why. */
  cable(): { readonly userClass: UserClass; readonly why: string };
  /** The command that leads through the first steps, as long as the box has no configuration. */
  firstCommand(): string | undefined;
}

/** A session that is under way. */
interface Attended {
  readonly shell: Shell;
  /** Why they are to go, as soon as they were told what became of their commit. */
  dismissed: string | undefined;
}

/** The operator's console: sessions at terminals, and scripts. What they travel over is somebody else's matter. */
export class Console {
  readonly facts: ConsoleFacts;
  readonly #operations: Operations;
  readonly #configurations: () => Configurations;
  readonly #trees: Trees;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #attended = new Map<Terminal, Attended>();

  constructor(options: {
    operations: Operations;
    configurations: () => Configurations;
    trees: Trees;
    facts: ConsoleFacts;
    clock: Clock;
    log: Log;
  }) {
    this.facts = options.facts;
    this.#operations = options.operations;
    this.#configurations = options.configurations;
    this.#trees = options.trees;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** A session of `user` at `terminal`, until they leave, are idle for too long, or are gone. */
  async attend(terminal: Terminal, user: User, place: string): Promise<void> {
    const log = this.#log.with({ place, who: user.who });
    const shell = this.#shell(user);
    log.info('console session', { class: user.userClass });
    using _ = this.#watchIdle(terminal);
    this.#attended.set(terminal, { shell, dismissed: undefined });
    const seeOff = () => this.#seeOff(terminal);
    try {
      // They may have gone from the configuration while their password was looked at.
      seeOff();
      for (const notice of await this.facts.notices()) terminal.write(`${notice}\n`);
      const firstCommand = this.facts.firstCommand();
      if (firstCommand !== undefined) {
        await shell.execute(firstCommand, new TerminalScreen(terminal), { indentation: 0 });
        seeOff();
      }
      const news = this.#news();
      await runSession({
        terminal,
        shell,
        history: new History(this.facts.historyLines()),
        prompt: () => `${news()}${shell.prompt(this.facts.name())}`,
        after: seeOff,
      });
      await terminal.flush();
    } catch (error) {
      if (!isWeirError(error, 'CONSOLE_CLOSED')) throw error;
    } finally {
      this.#attended.delete(terminal);
      log.info('console session over');
    }
  }

  /** The users of the configuration have changed: sessions of who is none any more, or another one, end at once. */
  usersChanged(): void {
    for (const terminal of this.#attended.keys()) this.#seeOff(terminal);
  }

  /** Ends what happens at a terminal; who is about to commit is told first what became of that. */
  dismiss(terminal: Terminal, why: string): void {
    const attended = this.#attended.get(terminal);
    if (attended) attended.dismissed = why;
    if (attended) this.#seeOff(terminal);
    else hangUp(terminal, why);
  }

  #seeOff(terminal: Terminal): void {
    const attended = this.#attended.get(terminal);
    if (!attended) return;
    const { user, state } = attended.shell;
    if (state.committing) return;
    const why = attended.dismissed ?? (state.guided ? undefined : whyOver(user, this.facts.accounts()));
    if (why !== undefined) hangUp(terminal, why);
  }

  /** Carries out lines one after the other, up to the first that fails; whether all went well. */
  async runScript(lines: readonly string[], user: User, output: ScriptOutput): Promise<boolean> {
    const shell = this.#shell(user);
    const screen = new ScriptScreen(output, lines);
    try {
      for (let line = screen.nextLine(); line !== undefined; line = screen.nextLine()) {
        if ((await shell.execute(line, screen, { indentation: 0 })) !== 'done') return false;
        if (shell.state.over) break;
      }
      return true;
    } catch (error) {
      if (isWeirError(error, 'CONSOLE_CLOSED')) return false;
      throw error;
    }
  }

  /** What happened to the configuration since it was asked last: it is told before the next prompt. */
  #news(): () => string {
    let known = this.facts.reverted();
    return () => {
      const reverted = this.facts.reverted();
      if (reverted === known || reverted === undefined) return '';
      known = reverted;
      return `${revertedText(reverted)}\n`;
    };
  }

  #shell(user: User): Shell {
    return new Shell({
      operations: this.#operations,
      configurations: this.#configurations,
      trees: this.#trees,
      user,
      log: this.#log,
    });
  }

  /** Ends the session when nothing comes in for as long as the configuration says. */
  #watchIdle(terminal: Terminal): Disposable {
    let lastMonoNs = this.#clock.monoNs();
    terminal.onInput(() => {
      lastMonoNs = this.#clock.monoNs();
    });
    return this.#clock.every(idleCheckMs, () => {
      const minutes = this.facts.idleMinutes();
      if (minutes === 0 || this.#clock.monoNs() - lastMonoNs < BigInt(minutes) * 60_000_000_000n) return;
      hangUp(terminal, `nothing was typed for ${minutes} minutes: logged out`);
    });
  }
}

const idleCheckMs = 5000;

function hangUp(terminal: Terminal, why: string): void {
  terminal.write(`\n${why}\n`);
  terminal.hangUp(why);
}

/** What was taken back, and why: a line, and the changes below it. */
export const revertedText = ({ who, at, because, changes }: RevertedCommit): string =>
  [`the commit of ${who} at ${new Date(at).toISOString()} was taken back: ${because}`, ...changes].join('\n');
