import type { Clock, Log } from '#base';
import type { Account } from './accounts.ts';
import type { User } from './command.ts';
import { checkPassword } from './password.ts';
import { readLine, type Terminal } from './terminal/index.ts';

const firstDelayMs = 1000;
const longestDelayMs = 30_000;

/**
 * Asks at one place for a name and a password. After a wrong one nothing is heard for a while, twice as long each time, up to
 * half a minute; that outlasts whoever hangs up and comes back.
 */
export class Login {
  readonly #place: string;
  readonly #accounts: () => readonly Account[];
  readonly #clock: Clock;
  readonly #log: Log;
  #failures = 0;

  constructor(options: { place: string; accounts: () => readonly Account[]; clock: Clock; log: Log }) {
    this.#place = options.place;
    this.#accounts = options.accounts;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Who it turns out to be; undefined when there are no users any more. Rejects with CONSOLE_CLOSED when nobody is there. */
  async ask(terminal: Terminal, boxName: string): Promise<User | undefined> {
    while (this.#accounts().length > 0) {
      terminal.write('\n');
      const name = await answer(terminal, `${boxName} login: `, false);
      if (name === undefined || name.trim() === '') continue;
      const password = await answer(terminal, 'Password: ', true);
      if (password === undefined) continue;
      await terminal.flush();
      const account = this.#accounts().find((one) => one.name === name.trim());
      // A hash that cannot be computed lets nobody in.
      const right = await checkPassword(password, account?.passwordHash).catch(() => false);
      if (right && account !== undefined) {
        this.#failures = 0;
        const way = { over: 'serial line', account: account.name } as const;
        return { who: account.name, userClass: account.class, way, account };
      }
      await this.#refuse(terminal, account);
    }
    return undefined;
  }

  async #refuse(terminal: Terminal, account: Account | undefined): Promise<void> {
    const delayMs = Math.min(firstDelayMs * 2 ** this.#failures, longestDelayMs);
    this.#failures += 1;
    // A name that is none may be a password that was typed too early.
    const name = account?.name ?? '(unknown)';
    this.#log.warn('login refused', { place: this.#place, name, failures: this.#failures });
    terminal.write('Login incorrect\n');
    await terminal.flush();
    await this.#clock.sleep(delayMs, terminal.gone);
    terminal.discardInput();
  }
}

/** Undefined: ^C or ^D. */
async function answer(terminal: Terminal, prompt: string, secret: boolean): Promise<string | undefined> {
  const read = await readLine(terminal, { prompt, secret });
  return typeof read === 'string' ? undefined : read.line;
}
