import { strict as assert } from 'node:assert';
import { systemClock } from '#base';
import type { UpdateStatus } from '../../../src/operations/update-status.ts';
import { Operator } from '../../operator.ts';
import type { Gateway } from '../gateway.ts';
import { answersWithinMs, startsWithinMs, typed } from '../technician.ts';

/** Nobody tells when a version has become a good one. */
const askAgainMs = 2000;

/** Somebody at the serial port of a gateway that was set up, from its start on. */
export class Technician {
  readonly #operator: Operator;

  constructor(gateway: Gateway) {
    this.#operator = new Operator(gateway.serial.stream, answersWithinMs);
  }

  /** All that the serial port has shown. */
  get transcript(): string {
    return this.#operator.transcript;
  }

  sees(pattern: RegExp, withinMs = answersWithinMs): Promise<string> {
    return this.#operator.sees(pattern, withinMs);
  }

  command(line: string, withinMs = answersWithinMs): Promise<string> {
    return this.#operator.command(line, withinMs);
  }

  /** What a command shows, for programs. */
  async asks<T>(command: string): Promise<T> {
    return JSON.parse(await this.command(`${command} | json | no-more`)) as T;
  }

  /** Types what may be answered by no prompt. */
  type(line: string): void {
    void this.#operator.type(`${line}\r`);
  }

  /** Waits until the console has come up, or has come up again: it asks who is there. */
  async sawStart(withinMs = startsWithinMs): Promise<void> {
    await this.#operator.sees(/login: $/, withinMs);
  }

  async logIn(): Promise<void> {
    this.type('');
    await this.#operator.logIn('admin', typed.password);
  }

  /**
   * What a command says to him, who logs in where he is asked to, once or again: a console comes anew with Weir, which the watchdog ends when
   * an emulated gateway gets no processor.
   */
  async commandAnew(line: string): Promise<string> {
    for (const until = Date.now() + startsWithinMs; ; ) {
      try {
        this.type('');
        const prompt = await this.#operator.sees(/(?:login: |@[\w.-]+> )$/);
        if (prompt.endsWith('login: ')) await this.logIn();
        return await this.command(line);
      } catch (error) {
        if (Date.now() > until) throw error;
      }
    }
  }

  /** Waits until the version that runs is a good one and is the one that is started next. */
  async sawHealthy(): Promise<UpdateStatus> {
    for (const until = Date.now() + startsWithinMs; ; ) {
      const status = await this.asks<UpdateStatus>('show update');
      const running = status.slots.find((slot) => slot.running);
      if (running?.condition === 'good' && running.triesLeft === 3 && running.next) return status;
      assert.ok(Date.now() < until, JSON.stringify(status));
      await systemClock.sleep(askAgainMs);
    }
  }
}
