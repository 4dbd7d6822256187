import { isIPv4 } from 'node:net';
import { type Clock, type Closeable, describeError, isWeirError, type Log, Signal } from '#base';
import type { ArpProbe } from './arp-probe.ts';

/** An IPv4 address of a NIC. */
export interface OwnAddress {
  readonly device: string;
  readonly address: string;
}

interface Watched extends OwnAddress {
  /** MAC address of who has it, too. */
  holder: string | undefined;
  dueMonoNs: bigint;
}

const tickMs = 10_000;
/** Whoever comes later with the box's address is found within that. */
const usualMs = 300_000;
/** As long as somebody has it: the alarm is to end soon after they have gone. */
const takenMs = 30_000;

/**
 * Looks whether somebody else on the link has one of the box's static IPv4 addresses: of IPv6 the kernel does it itself (RFC 4862
 * s.5.4), of leases the client of DHCP (RFC 5227). Such an address is not given up: the box would be out of reach by it for good.
 */
export class DuplicateWatch implements Closeable {
  /** Somebody has been found, or has gone. */
  readonly changed: Signal<OwnAddress>;
  readonly #probe: ArpProbe;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watched = new Map<string, Watched>();
  readonly #timer: Disposable;
  readonly #stop = new AbortController();
  #looking: Promise<void> | undefined;
  /** Said once: a machine without arping is none on which it would be there in a minute. */
  #failed = false;

  constructor(options: { probe: ArpProbe; clock: Clock; log: Log }) {
    this.#probe = options.probe;
    this.#clock = options.clock;
    this.#log = options.log;
    this.changed = new Signal((error) =>
      options.log.error('listener to duplicate addresses failed', { error: describeError(error) }),
    );
    this.#timer = options.clock.every(tickMs, () => this.#look());
  }

  /** These are to be watched, and no others: on NICs that have a link. New ones are looked at now. */
  watch(addresses: readonly OwnAddress[]): void {
    const wanted = new Map(
      addresses.filter(({ address }) => isIPv4(address)).map((own) => [keyOf(own), own] as const),
    );
    for (const key of this.#watched.keys()) if (!wanted.has(key)) this.#watched.delete(key);
    let isNew = false;
    for (const [key, own] of wanted) {
      if (this.#watched.has(key)) continue;
      this.#watched.set(key, { ...own, holder: undefined, dueMonoNs: 0n });
      isNew = true;
    }
    if (isNew) this.#look();
  }

  /** Who else has this address, as far as is known. */
  holderOf(own: OwnAddress): string | undefined {
    return this.#watched.get(keyOf(own))?.holder;
  }

  #look(): void {
    this.#looking ??= this.#lookAtDue().finally(() => {
      this.#looking = undefined;
    });
  }

  /** One after the other. What becomes due, or new, meanwhile has its turn as well. */
  async #lookAtDue(): Promise<void> {
    for (;;) {
      const now = this.#clock.monoNs();
      const due = [...this.#watched.values()].find(({ dueMonoNs }) => dueMonoNs <= now);
      if (due === undefined || this.#stop.signal.aborted) return;
      await this.#lookAt(due);
      const nextMs = due.holder === undefined ? usualMs : takenMs;
      due.dueMonoNs = this.#clock.monoNs() + BigInt(nextMs) * 1_000_000n;
    }
  }

  async #lookAt(watched: Watched): Promise<void> {
    const { device, address } = watched;
    try {
      const holder = await this.#probe.whoElseHas(address, device, this.#stop.signal);
      this.#failed = false;
      if (holder === watched.holder || this.#watched.get(keyOf(watched)) !== watched) return;
      watched.holder = holder;
      this.changed.emit({ device, address });
    } catch (error) {
      if (this.#stop.signal.aborted || this.#failed) return;
      this.#failed = true;
      const level = isWeirError(error, 'MISSING_PROGRAM') ? 'info' : 'warn';
      this.#log[level]('duplicate IPv4 addresses not looked for', { device, error: describeError(error) });
    }
  }

  async close(): Promise<void> {
    this.#timer[Symbol.dispose]();
    this.#stop.abort();
    this.#watched.clear();
    await this.#looking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const keyOf = ({ device, address }: OwnAddress): string => `${device} ${address}`;
