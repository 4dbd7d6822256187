import { isIPv6 } from 'node:net';
import type { Alarms, Clock, Closeable } from '#base';
import { type Nic, type NicAddress, type NicRole, type Nics, nicRoles } from '#hal';

/** A server that is asked anew may take that long; a box that starts has no lease for some seconds. */
const patienceMs = 30_000;
const noLease = 'nic.noLease';
const duplicate = 'nic.duplicateAddress';

/** Says so when a NIC that asks for an address gets none, and when somebody else has one of its addresses. */
export class LeaseWatch implements Closeable {
  readonly #alarms: Alarms;
  readonly #clock: Clock;
  readonly #listening: Disposable;
  /** By subject: when patience is over. */
  readonly #waiting = new Map<string, Disposable>();

  constructor(options: { nics: Nics; alarms: Alarms; clock: Clock }) {
    this.#alarms = options.alarms;
    this.#clock = options.clock;
    this.#listening = options.nics.changed.on((nic) => this.look(nic));
    for (const role of nicRoles) this.look(options.nics.get(role));
  }

  look({ role, device, dhcp, addresses }: Nic): void {
    for (const family of [4, 6] as const) {
      const asked = dhcp.find((one) => one.family === family);
      if (asked && !asked.lease) this.#wait(role, family, device);
      else this.#isWell(subjectOf(role, family));
    }
    const taken = addresses.filter((one) => one.duplicate);
    const text = taken.map((one) => duplicateText(one, device)).join('; ');
    if (taken.length > 0) this.#alarms.raise({ name: duplicate, subject: role, severity: 'major', text });
    else this.#alarms.clear(duplicate, role);
  }

  #wait(role: NicRole, family: 4 | 6, device: string): void {
    const subject = subjectOf(role, family);
    if (this.#waiting.has(subject)) return;
    const text = `no DHCPv${family} server gives ${device} an address`;
    const raise = () => this.#alarms.raise({ name: noLease, subject, severity: 'major', text });
    this.#waiting.set(subject, this.#clock.after(patienceMs, raise));
  }

  #isWell(subject: string): void {
    this.#waiting.get(subject)?.[Symbol.dispose]();
    this.#waiting.delete(subject);
    this.#alarms.clear(noLease, subject);
  }

  async close(): Promise<void> {
    this.#listening[Symbol.dispose]();
    for (const waiting of this.#waiting.values()) waiting[Symbol.dispose]();
    for (const role of nicRoles) {
      for (const family of [4, 6] as const) this.#alarms.clear(noLease, subjectOf(role, family));
      this.#alarms.clear(duplicate, role);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const duplicateText = ({ address, holder = 'somebody else' }: NicAddress, device: string): string =>
  isIPv6(address)
    ? `${holder} has ${address}, too: ${device} does not use it`
    : `${holder} has ${address}, too: what is for ${device} may go there, give one of the two another address`;

const subjectOf = (role: NicRole, family: 4 | 6): string => `${role} DHCPv${family}`;
