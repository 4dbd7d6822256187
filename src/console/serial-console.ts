import { type Alarms, type Clock, type Closeable, describeError, isWeirError, type Log, within } from '#base';
import type { SerialPort, SerialPorts } from '#hal';
import type { User } from './command.ts';
import type { Console } from './console.ts';
import { Login } from './login.ts';
import { Terminal } from './terminal/index.ts';

/** Where the console is, as the configuration says; without a port it is nowhere. */
export interface SerialSettings {
  readonly port: string | undefined;
  readonly baud: number;
  /** Where it is as long as `port` cannot be opened, so that no wrong name locks anybody out. */
  readonly otherwise?: string | undefined;
}

type Wanted = SerialSettings & { readonly port: string };

const firstRetryMs = 500;
const longestRetryMs = 10_000;
const holdersCheckMs = 30_000;
/** How long a port that is left is given to send what was written last. */
const drainMs = 2000;
const missing = 'console.port-missing';
const shared = 'console.port-shared';

/** The console on a serial port: it is opened, and opened again when it is lost; who is there logs in, as often as they like. */
export class SerialConsole implements Closeable {
  readonly #console: Console;
  readonly #ports: SerialPorts;
  readonly #alarms: Alarms;
  readonly #clock: Clock;
  readonly #log: Log;
  #settings: SerialSettings = { port: undefined, baud: 0 };
  #stop: AbortController | undefined;
  #serving: Promise<void> = Promise.resolve();
  #terminal: Terminal | undefined;

  constructor(options: {
    console: Console;
    ports: SerialPorts;
    alarms: Alarms;
    clock: Clock;
    log: Log;
  }) {
    this.#console = options.console;
    this.#ports = options.ports;
    this.#alarms = options.alarms;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Moves the console to another port, or to another speed; leaves it alone when it is there. */
  configure(settings: SerialSettings): void {
    const { port, baud } = this.#settings;
    if (port === settings.port && baud === settings.baud) return;
    this.#settings = settings;
    const before = this.#end(whereTo(settings, port));
    const { port: path } = settings;
    if (path === undefined) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#serving = before.then(() => this.#serve({ ...settings, port: path }, stop.signal));
  }

  /** Tells whoever is there, logged in or not. */
  announce(text: string): void {
    this.#terminal?.announce(`*** ${text}`);
  }

  async #end(why: string): Promise<void> {
    this.#stop?.abort(why);
    await this.#serving;
  }

  async #serve(settings: Wanted, stop: AbortSignal): Promise<void> {
    const { port: path } = settings;
    const login = new Login({
      place: path,
      accounts: () => this.#console.facts.accounts(),
      clock: this.#clock,
      log: this.#log,
    });
    let retryMs = firstRetryMs;
    for (;;) {
      try {
        await using port = await this.#open(settings);
        this.#log.info('console port open', { path: port.path, baud: settings.baud });
        retryMs = firstRetryMs;
        const back = new AbortController();
        using _ =
          port.path === path
            ? undefined
            : this.#lookFor(settings, () => back.abort(whereTo(settings, port.path)));
        const leave = AbortSignal.any([stop, back.signal]);
        await this.#servePort(port, login, leave);
        this.#alarms.clear(shared, port.path);
        if (leave.aborted) await within(drained(port), drainMs, this.#clock);
        else {
          this.#log.warn('console port lost', { path: port.path, why: port.lostBecause ?? '' });
        }
      } catch (error) {
        const text = describeError(error);
        this.#alarms.raise({ name: missing, subject: path, severity: 'minor', text });
      }
      if (stop.aborted) break;
      await this.#clock.sleep(retryMs, stop).catch(() => {});
      retryMs = Math.min(2 * retryMs, longestRetryMs);
    }
    this.#alarms.clear(missing, path);
  }

  /** The port that is wanted, or the other one; the alarm says which. */
  async #open({ port: path, baud, otherwise = path }: Wanted): Promise<SerialPort> {
    try {
      const port = await this.#ports.open({ path, baud });
      this.#alarms.clear(missing, path);
      return port;
    } catch (error) {
      if (otherwise === path) throw error;
      const port = await this.#ports.open({ path: otherwise, baud }).catch(() => {
        throw error;
      });
      const text = `${describeError(error)}; the console is at ${otherwise} until then`;
      this.#alarms.raise({ name: missing, subject: path, severity: 'minor', text });
      return port;
    }
  }

  /** Calls `found` when the port that is wanted can be opened. */
  #lookFor({ port: path, baud }: Wanted, found: () => void): Disposable {
    return this.#clock.every(longestRetryMs, () => {
      this.#ports
        .open({ path, baud })
        .then((port) => port.close())
        .then(found, () => {});
    });
  }

  /** One session after the other, until the port is lost or shall be left. */
  async #servePort(port: SerialPort, login: Login, stop: AbortSignal): Promise<void> {
    const look = () => void this.#lookForOthers(port).catch(() => {});
    look();
    using _ = this.#clock.every(holdersCheckMs, look);
    while (!stop.aborted && !port.stream.destroyed) {
      const terminal = new Terminal(port.stream);
      this.#terminal = terminal;
      const leave = () => this.#console.dismiss(terminal, String(stop.reason));
      stop.addEventListener('abort', leave, { once: true });
      try {
        const user = await this.#user(terminal, login);
        terminal.askSize();
        await this.#console.attend(terminal, user, port.path);
      } catch (error) {
        if (!isWeirError(error, 'CONSOLE_CLOSED')) {
          this.#log.error('console session failed', { path: port.path, error: describeError(error) });
        }
      } finally {
        stop.removeEventListener('abort', leave);
        this.#terminal = undefined;
        terminal.hangUp('the session is over');
      }
    }
  }

  /**
   * Where no user is configured, whoever has the cable is one: there is no password that could be asked for. Users may come and
   * go while nobody types.
   */
  async #user(terminal: Terminal, login: Login): Promise<User> {
    const { name, accounts } = this.#console.facts;
    for (;;) {
      const user = accounts().length > 0 ? await login.ask(terminal, name()) : undefined;
      if (user !== undefined) return user;
      terminal.write(`\n${name()}: press Enter to begin\n`);
      for (let key = await terminal.readKey(); key.name !== 'enter'; ) key = await terminal.readKey();
      if (accounts().length > 0) continue;
      const { userClass, why } = this.#console.facts.cable();
      terminal.write(`${why}\n`);
      return { who: 'console', userClass, way: { over: 'serial line', account: undefined } };
    }
  }

  async #lookForOthers(port: SerialPort): Promise<void> {
    const others = await port.otherHolders();
    if (others.length === 0) return this.#alarms.clear(shared, port.path);
    const names = others.map(({ program, pid }) => `${program} (${pid})`).join(', ');
    this.#alarms.raise({
      name: shared,
      subject: port.path,
      severity: 'major',
      text: `${names} has the console's port open, too, and takes away what is typed: stop it, mask a getty`,
    });
  }

  async close(): Promise<void> {
    await this.#end('Weir ends');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What is said to who is there when the console leaves `from`. */
function whereTo({ port, baud }: SerialSettings, from: string | undefined): string {
  if (port === undefined) return 'the console leaves this port';
  const where = port === from ? 'is' : `moves to ${port},`;
  return `the console ${where} at ${baud} bit/s from now on`;
}

/** Resolves when all that was written to it has been taken by the kernel. */
const drained = ({ stream }: SerialPort): Promise<void> =>
  new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.write('', () => resolve());
  });
