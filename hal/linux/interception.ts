import { type Clock, describeError, isWeirError, type Log, Signal, WeirError } from '#base';
import type { Interception, InterceptionPlan } from '../interception.ts';
import { canonicalIp } from '../ip-address.ts';
import { isNoSuchObject, type Nft } from './nft.ts';
import { PolicyRoute } from './policy-route.ts';
import type { Rtnetlink } from './rtnetlink.ts';
import {
  type Bypass,
  INTERCEPTED_SECONDS,
  interceptionRuleset,
  parkedRuleset,
  removeBypass,
  removePorts,
  renewBypass,
  renewPorts,
  WEIR_TABLE,
} from './ruleset.ts';
import { SerialQueue } from './serial-queue.ts';

/** Listing our table costs a child process of some 10 ms; rules and routes are heard of at once. */
const CHECK_PERIOD_MS = 5000;
/** Those who change networks change several things in a row. */
const NOTICE_DELAY_MS = 50;

/** The rules in nftables, and what they need of the routing tables. See `ruleset.ts` for what they do to a packet. */
export class LinuxInterception implements Interception {
  readonly repaired: Signal<{ what: string }>;
  readonly #nft: Nft;
  readonly #route: PolicyRoute;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #queue = new SerialQueue();
  /** Until when, CLOCK_MONOTONIC, by address and port: a table that is replaced gets them again. */
  readonly #bypasses = new Map<string, { address: string; port: number; untilMonoNs: bigint }>();
  readonly #watching: Disposable[] = [];
  #soon: Disposable | undefined;
  /** A check waits or runs: with a slow nft they must not queue up. */
  #checking = false;
  #plan: InterceptionPlan | undefined;
  /** The table as the kernel tells it after we made it. */
  #expected: string | undefined;
  #renewedUntilMonoNs = 0n;
  #closing: Promise<void> | undefined;

  constructor(options: { nft: Nft; network: Rtnetlink; clock: Clock; log: Log; checkPeriodMs?: number }) {
    this.#nft = options.nft;
    this.#route = new PolicyRoute(options.network);
    this.#clock = options.clock;
    this.#log = options.log;
    this.repaired = new Signal((error) =>
      options.log.error('interception listener failed', { error: describeError(error) }),
    );
    this.#watching.push(
      options.clock.every(options.checkPeriodMs ?? CHECK_PERIOD_MS, () => this.#check()),
      options.network.notice.on((notice) => {
        if (this.#plan && this.#route.isLoss(notice)) this.#checkSoon();
      }),
      options.network.resynced.on(() => this.#checkSoon()),
    );
  }

  apply(plan: InterceptionPlan): Promise<void> {
    return this.#run(async () => {
      const before = this.#plan;
      await this.#route.ensure();
      try {
        await this.#replaceTable(plan);
      } catch (error) {
        if (!before) await this.#route.remove();
        throw error;
      }
      this.#plan = plan;
    });
  }

  renew(): Promise<void> {
    return this.#run(async () => {
      const plan = this.#applied();
      try {
        await this.#nft.apply(renewPorts(plan.ports));
      } catch (error) {
        if (!isNoSuchObject(error)) throw error;
        await this.#repair(plan, [`table inet ${WEIR_TABLE}`]);
        await this.#nft.apply(renewPorts(plan.ports));
      }
      this.#renewedUntilMonoNs = this.#clock.monoNs() + nanoseconds(INTERCEPTED_SECONDS);
    });
  }

  stop(): Promise<void> {
    return this.#run(async () => {
      if (!this.#plan) return;
      this.#renewedUntilMonoNs = 0n;
      await this.#nft.apply(removePorts());
    });
  }

  bypass(address: string, port: number, seconds: number): Promise<void> {
    return this.#run(async () => {
      this.#applied();
      const bypass = { address: canonicalIp(address), port, seconds: Math.max(1, Math.ceil(seconds)) };
      await this.#nft.apply(renewBypass(bypass));
      const untilMonoNs = this.#clock.monoNs() + nanoseconds(bypass.seconds);
      this.#bypasses.set(`${bypass.address} ${port}`, { ...bypass, untilMonoNs });
    });
  }

  intercept(address: string, port: number): Promise<void> {
    return this.#run(async () => {
      this.#applied();
      const canonical = canonicalIp(address);
      await this.#nft.apply(removeBypass(canonical, port));
      this.#bypasses.delete(`${canonical} ${port}`);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#queue.run(() => this.#shutdown());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutdown(): Promise<void> {
    for (const handle of this.#watching) handle[Symbol.dispose]();
    this.#soon?.[Symbol.dispose]();
    if (!this.#plan) return;
    // The rules first: a marked packet without a local route would be forwarded past us.
    try {
      await this.#nft.apply(parkedRuleset(this.#plan, this.#liveBypasses()));
    } finally {
      await this.#route.remove();
    }
  }

  #run(work: () => Promise<void>): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#closing) throw new WeirError('ALREADY_CLOSED', 'the interception is closed');
      await work();
    });
  }

  #applied(): InterceptionPlan {
    if (this.#plan) return this.#plan;
    throw new WeirError('INTERCEPTION_FAILED', 'nothing is applied yet', { advice: 'call apply first' });
  }

  async #replaceTable(plan: InterceptionPlan): Promise<void> {
    const intercepting = this.#clock.monoNs() < this.#renewedUntilMonoNs;
    const commands = interceptionRuleset(plan, { intercepting, bypasses: this.#liveBypasses() });
    await this.#nft.apply(commands, { check: true });
    this.#expected = await this.#nft.describeTable('inet', WEIR_TABLE);
  }

  #liveBypasses(): readonly Bypass[] {
    const now = this.#clock.monoNs();
    for (const [key, { untilMonoNs }] of this.#bypasses) {
      if (untilMonoNs <= now) this.#bypasses.delete(key);
    }
    return [...this.#bypasses.values()].map(({ address, port, untilMonoNs }) => ({
      address,
      port,
      seconds: Number((untilMonoNs - now) / 1_000_000_000n) + 1,
    }));
  }

  #checkSoon(): void {
    this.#soon ??= this.#clock.after(NOTICE_DELAY_MS, () => {
      this.#soon = undefined;
      // The check that runs may have looked before this change.
      if (this.#checking) this.#checkSoon();
      else this.#check();
    });
  }

  /** Compares the kernel with what we made, and puts back what somebody else took away or changed. */
  #check(): void {
    if (this.#checking) return;
    this.#checking = true;
    const checked = this.#run(async () => {
      const plan = this.#plan;
      if (!plan) return;
      const table = await this.#nft.describeTable('inet', WEIR_TABLE);
      await this.#repair(plan, table === this.#expected ? [] : [`table inet ${WEIR_TABLE}`]);
    });
    checked
      .catch((error) => {
        if (isWeirError(error, 'ALREADY_CLOSED')) return;
        this.#log.error('interception could not be checked', { error: describeError(error) });
      })
      .finally(() => {
        this.#checking = false;
      });
  }

  async #repair(plan: InterceptionPlan, changed: readonly string[]): Promise<void> {
    const routing = await this.#route.ensure();
    if (changed.length > 0) await this.#replaceTable(plan);
    const what = [...changed, ...routing].join(', ');
    if (what === '') return;
    this.repaired.emit({ what });
  }
}

const nanoseconds = (seconds: number): bigint => BigInt(Math.round(seconds * 1e9));
