import { type Closeable, describeError, WeirError, weirVersion } from '#base';
import type { Hal } from '#hal';
import type { Store } from '#storage';
import { type Config, type Follower, holdBack } from './config/index.ts';
import { Machine, type MachineOptions } from './machine.ts';
import type { Relay } from './relay.ts';

/** How often a relay that could not be started is tried again. */
const againMs = 10_000;

/**
 * The box that follows the configuration. It is there without one, so that it can be configured; the first commit starts
 * the relay, later ones change what differs beneath the viewers. A relay that cannot be started (a NIC is missing) is
 * tried again, and the box can be configured meanwhile.
 */
export class Appliance implements Closeable, Follower {
  readonly #options: MachineOptions;
  #machine: Machine | undefined;
  #wanted: Config | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #again: Disposable | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: MachineOptions, wanted: Config | undefined) {
    this.#options = options;
    this.#wanted = wanted;
  }

  /** @throws {WeirError} what keeps Weir from running on this machine at all. */
  static async open(options: MachineOptions, config: Config | undefined): Promise<Appliance> {
    const appliance = new Appliance(options, config);
    await appliance.#inTurn(() => appliance.#openMachine());
    return appliance;
  }

  /** @throws {WeirError} NOT_READY in the moments of a restart. */
  get hal(): Hal {
    return this.#ready().hal;
  }

  /** None as long as the disk does not let it be opened, and in the moments of a restart. */
  get store(): Store | undefined {
    return this.#machine?.store.now;
  }

  /** None without a configuration, and while it cannot be started. */
  get relay(): Relay | undefined {
    return this.#machine?.relay;
  }

  /** What was committed; the relay may have values of before that wait for a restart. */
  get config(): Config | undefined {
    return this.#wanted;
  }

  apply(next: Config): Promise<() => Promise<void>> {
    return this.#inTurn(async () => {
      const before = this.#wanted;
      const relay = this.#machine?.relay;
      if (!relay) {
        await this.#reopenWith(next);
        return () => this.#inTurn(() => this.#reopenWith(before));
      }
      // What is held back would fail when the box starts again: then nobody may be there who can mend it.
      await relay.check(next);
      const undo = await relay.apply(holdBack(relay.config, next).config);
      this.#wanted = next;
      return () =>
        this.#inTurn(async () => {
          this.#wanted = before;
          if (this.#machine?.relay === relay) await undo();
          else await this.#reopen();
        });
    });
  }

  /** Where the box is not up, nothing is known of the machine. */
  async check(next: Config): Promise<void> {
    await this.#machine?.relay?.check(next);
  }

  begin(config: Config): Promise<void> {
    return this.#inTurn(() => {
      this.#wanted = config;
      return this.#reopen();
    });
  }

  awaitingRestart(next: Config): readonly (readonly string[])[] {
    const running = this.#machine?.relay?.config;
    return running ? holdBack(running, next).held : [];
  }

  /** Ends and begins anew, with all values that wait for it. Running sessions end. */
  restart(): Promise<void> {
    return this.#inTurn(() => this.#reopen());
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutdown(): Promise<void> {
    await this.#turn;
    this.#again?.[Symbol.dispose]();
    await this.#machine?.close();
  }

  /** One change at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => {
      if (this.#closing) throw new WeirError('ALREADY_CLOSED', 'Weir is about to end');
      return work();
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  #ready(): Machine {
    if (this.#machine) return this.#machine;
    throw new WeirError('NOT_READY', 'Weir is starting', { advice: 'ask again in a moment' });
  }

  /** Begins anew with `next`; where that fails, with what was before, and the error is thrown. */
  async #reopenWith(next: Config | undefined): Promise<void> {
    const before = this.#wanted;
    await this.#closeMachine();
    try {
      this.#machine = await Machine.open(this.#options, next);
      this.#wanted = next;
      this.#started();
    } catch (error) {
      this.#wanted = before;
      await this.#openMachine();
      throw error;
    }
  }

  async #reopen(): Promise<void> {
    await this.#closeMachine();
    await this.#openMachine();
  }

  async #closeMachine(): Promise<void> {
    const machine = this.#machine;
    this.#machine = undefined;
    await machine?.close().catch((error) => {
      this.#options.log.error('not closed well', { error: describeError(error) });
    });
  }

  /** With what is wanted; without a relay where that cannot be. */
  async #openMachine(): Promise<void> {
    const { alarms, clock } = this.#options;
    this.#again?.[Symbol.dispose]();
    if (this.#wanted) {
      try {
        this.#machine = await Machine.open(this.#options, this.#wanted);
        this.#started();
        return;
      } catch (error) {
        const text = describeError(error);
        alarms.raise({ name: 'relay.notStarted', severity: 'critical', text });
        this.#again = clock.after(againMs, () => this.#tryAgain());
      }
    }
    this.#machine = await Machine.open(this.#options, undefined);
  }

  #tryAgain(): void {
    this.#inTurn(async () => {
      if (!this.#machine?.relay) await this.#reopen();
    }).catch((error) => {
      if (this.#closing) return;
      this.#options.log.error('not opened again', { error: describeError(error) });
      this.#again = this.#options.clock.after(againMs, () => this.#tryAgain());
    });
  }

  #started(): void {
    const { alarms, log } = this.#options;
    this.#again?.[Symbol.dispose]();
    alarms.clear('relay.notStarted');
    if (!this.#wanted) return;
    log.info('ready', { version: weirVersion, name: this.#wanted.system.name, pid: process.pid });
  }
}
