import { type Clock, Signal, WeirError } from '#base';
import type { Forwarding, Interception, InterceptionPlan } from '../interception.ts';
import { canonicalIp } from '../ip-address.ts';
import { INTERCEPTED_SECONDS } from '../linux/ruleset.ts';
import { alreadyClosed, raise } from './sim.ts';

/** Where a viewer's new connection ends up. */
export type Dial = 'weir' | 'origin' | 'nothing';

const SECOND_NS = 1_000_000_000n;
/** How soon somebody else's change is noticed. */
const NOTICE_MS = 50;

/** The rules in memory: `dial` says what they do to a viewer's new connection. */
export class SimInterception implements Interception {
  readonly repaired = new Signal<{ what: string }>(raise);
  /** Whether Weir's transparent listeners are there. */
  listening = true;
  readonly #clock: Clock;
  readonly #bypassedUntilNs = new Map<string, bigint>();
  #plan: InterceptionPlan | undefined;
  #interceptedUntilNs = 0n;
  #tampered = false;
  #failure: WeirError | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The plan in force, also after `close` with `whenDown: closed`. */
  get plan(): InterceptionPlan | undefined {
    return this.#plan;
  }

  async apply(plan: InterceptionPlan): Promise<void> {
    this.#begin();
    this.#plan = plan;
  }

  async renew(): Promise<void> {
    this.#applied();
    this.#interceptedUntilNs = this.#clock.monoNs() + BigInt(INTERCEPTED_SECONDS) * SECOND_NS;
  }

  async stop(): Promise<void> {
    this.#interceptedUntilNs = 0n;
  }

  async bypass(address: string, port: number, seconds: number): Promise<void> {
    this.#applied();
    const untilNs = this.#clock.monoNs() + BigInt(Math.max(1, Math.ceil(seconds))) * SECOND_NS;
    this.#bypassedUntilNs.set(`${canonicalIp(address)} ${port}`, untilNs);
  }

  async intercept(address: string, port: number): Promise<void> {
    this.#applied();
    this.#bypassedUntilNs.delete(`${canonicalIp(address)} ${port}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#plan?.whenDown === 'open') this.#plan = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  dial(address: string, port: number): Dial {
    const now = this.#clock.monoNs();
    const plan = this.#tampered ? undefined : this.#plan;
    if (!plan?.ports.includes(port)) return 'origin';
    if ((this.#bypassedUntilNs.get(`${canonicalIp(address)} ${port}`) ?? 0n) > now) return 'origin';
    if (!this.#closed && this.listening && this.#interceptedUntilNs > now) return 'weir';
    return plan.whenDown === 'closed' ? 'nothing' : 'origin';
  }

  /** Somebody else takes the rules away; they are put back a little later. */
  tamper(what: string): void {
    this.#tampered = true;
    this.#clock.after(NOTICE_MS, () => {
      if (this.#closed) return;
      this.#tampered = false;
      this.repaired.emit({ what });
    });
  }

  /** The next call rejects with this error. */
  failNext(error: WeirError): void {
    this.#failure = error;
  }

  #begin(): void {
    if (this.#closed) throw alreadyClosed('interception');
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  #applied(): void {
    this.#begin();
    if (!this.#plan) throw new WeirError('INTERCEPTION_FAILED', 'nothing is applied yet');
  }
}

/** Remembers what it was told. */
export class SimForwarding implements Forwarding {
  readonly #hasNic: (device: string) => boolean;
  #applied: Parameters<Forwarding['apply']>[0] | undefined;
  #failure: WeirError | undefined;

  constructor(hasNic: (device: string) => boolean) {
    this.#hasNic = hasNic;
  }

  /** What is in force. */
  get applied(): Parameters<Forwarding['apply']>[0] | undefined {
    return this.#applied;
  }

  async apply(options: Parameters<Forwarding['apply']>[0]): Promise<void> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
    for (const device of [options.wanDevice, options.accessDevice]) {
      if (!this.#hasNic(device)) throw new WeirError('NIC_MISSING', `there is no NIC ${device}`);
    }
    this.#applied = options;
  }

  /** The next call rejects with this error. */
  failNext(error: WeirError): void {
    this.#failure = error;
  }
}
